"""The compiled decoders: many threads begin with the same classes at once, as the read models of a new process do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
from __future__ import annotations
import json, threading
from dataclasses import dataclass
from uuid import UUID
from domain.event import Root
from ledger.decoding import decode
from ledger.shape import shape_of

def at_work():
    if threading.current_thread() is first and not second.ident:
        second.start()
        second.join(1)
    return str

@dataclass(frozen=True)
class Inner:
    what: at_work()

@dataclass(frozen=True)
class Outer:
    inner: Inner
    other: str

class Thing(Root):
    TOPIC = "sample.Thing"

    class Begun(Root.Event):
        TOPIC = "sample.Thing.Begun"
        outer: Outer

    class Changed(Root.Event):
        TOPIC = "sample.Thing.Changed"
        outer: Outer

def read(topic):
    facts = {
        "timestamp": "2026-03-01T12:00:00Z", "by": {"id": "nino", "role": "operator"}, "command": str(UUID(int=1)),
        "correlation": str(UUID(int=1)), "subject": None, "outer": {"inner": {"what": "a"}, "other": "b"},
    }
    plain = json.dumps({"class_version": 1, "facts": facts}).encode()
    read_so.append(decode(UUID(int=1), 1, topic, plain, None, None).outer)

read_so = []
first, second = (threading.Thread(target=read, args=(kind.TOPIC,)) for kind in (Thing.Begun, Thing.Changed))
for kind in (Thing.Begun, Thing.Changed):
    shape_of(kind)
first.start()
first.join()
second.join()
print(*read_so, sep="\\n")
"""


def test_no_thread_decodes_by_what_another_has_compiled_by_half() -> None:
    """The first is held up in the middle of a class that the second needs, too: the second must wait and not read it,
    which would be the end of the process."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    read = "Outer(inner=Inner(what='a'), other='b')\n"
    assert (done.returncode, done.stdout) == (0, 2 * read), done.stderr
