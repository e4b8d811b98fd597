"""A program for test_supervisor: a supervisor over parts that do nothing but sleep, or fail, as told."""

import signal
import sys
import time
from pathlib import Path

from sarkmeli.processes import executed, forked
from sarkmeli.supervisor import Failed, Part, Stopped, Supervisor

folder, *wanted = sys.argv[1:]
supervisor = Supervisor(Path(folder) / "logs", Path(folder) / "running.json")


def sleeper(ready):
    sys.stdout.write("awake\n")
    ready()
    signal.pause()


def failing(ready):
    raise SystemExit("I cannot")


def sometimes_failing(ready):
    if (Path(folder) / "broken").exists():
        raise SystemExit("not now")
    ready()
    signal.pause()


def part(name):
    if name == "program":
        code = "import signal; print('a program', flush=True); signal.pause()"
        spawn = executed([sys.executable, "-c", code], {}, Path("/"))
        return Part(name, spawn, answers=lambda: "a program" in (supervisor.logs / "program.log").read_text())
    body = {"failing": failing, "sometimes": sometimes_failing}.get(name, sleeper)
    return Part(name, forked(body, supervisor.own_descriptors))


try:
    for name in wanted:
        supervisor.start(part(name))
    supervisor.wait_until_ready(20)
    supervisor.say("all ready")
    supervisor.keep()
except Failed as failure:
    supervisor.say(str(failure))
    sys.exit(3)
except Stopped:
    pass
finally:
    began = time.monotonic()
    supervisor.stop()
    supervisor.say("all stopped")
