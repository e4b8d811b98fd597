"""Two persons who decide on an erasure, and one that is killed at a step of it, in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg

from domain.erasure import LegalGround
from domain.people import Actor, Role

IRMA = Actor("person-irma", Role.DATA_PROTECTION)
GURAM = Actor("person-guram", Role.DATA_PROTECTION)
GROUND = LegalGround.DATA_SUBJECT_REQUEST


def decide(at, case, ground=GROUND):
    """Two persons decide that the case be erased."""
    at.house.erasures.ask(at.office.act(IRMA, "erase"), case, ground)
    at.house.erasures.confirm(at.office.act(GURAM, "erase"), case)


def rows(at, query, *arguments, keys=False):
    settings = at.house.settings
    with psycopg.connect(settings.keys_conninfo if keys else settings.ledger_conninfo) as db:
        return db.execute(query, arguments).fetchall()


PROGRAM = """
import importlib, os, signal, sys
from uuid import UUID
from sarkmeli.house import open_house
from sarkmeli.settings import Settings

place, name, after, case = sys.argv[1], sys.argv[2], sys.argv[3] == "after", UUID(sys.argv[4])
from consumers import erasures
module = importlib.import_module(place)

def deadly(do):
    def done(*arguments, **named):
        if not after:
            os.kill(os.getpid(), signal.SIGKILL)
        do(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    return done

if (place, name) in [(step.__module__, step.__name__) for step in erasures.STEPS]:
    erasures.STEPS = tuple(deadly(step) if step.__name__ == name else step for step in erasures.STEPS)
else:
    setattr(module, name, deadly(getattr(module, name)))
with open_house(Settings()) as house:
    house.erasures.memory = 0.0
    house.erasures.carry_out(case)
"""


def killed_at(at, case, place, name, when):
    """Carry the erasure out until the process is killed ``when`` (before, after) a function runs."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, place, name, when, str(case)],
        env=environment(at.house.settings), cwd=Path(__file__).parents[2], capture_output=True, check=False,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def environment(settings):
    told = {name: getattr(settings, name) for name in settings.model_fields_set}
    shown = {
        f"SARKMELI_{name.upper()}": value.get_secret_value() if hasattr(value, "get_secret_value") else str(value)
        for name, value in told.items()
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SARKMELI_")}
    return {**kept, **shown, "PYTHONPATH": str(Path(__file__).parents[2])}
