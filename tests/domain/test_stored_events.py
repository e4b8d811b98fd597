"""Stored events are for ever: every class is kept, every kept one replays, wherever its class has moved."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stored import FOLDER, OURS, replayed, revived, standing, stored, stories

from domain.compatriot.application import Application
from domain.payments.payment import Payment
from domain.staff.reading import Reading
from domain.taxpayer.registration import Registration
from domain.taxpayer.username import Username
from domain.videobar.call import Call
from ledger.codec import dump
from ledger.shape import shape_of
from ledger.topics import event_classes

CLASSES = {topic: kind for topic, kind in event_classes().items() if topic.startswith(OURS)}
STORIES = list(stories())
ROOT = Path(__file__).parents[2]

EVENTS = {
    "compatriot.Application": """
        Registered ConsentGiven ConsentWithdrawn CodeReissued VideoVerified ReceptionRefused Paid RefundDue Refunded
        ReviewStarted Assigned InformationRequested InformationProvided DocumentAttached TermExtended
        ConclusionPrepared Decided DecisionDelivered ExpiryWarned Lapsed Withdrawn ErasureRequested PersonalDataErased
    """,
    "videobar.Call": """
        Requested Claimed Connected ChecksRecorded BrokenOff RecordingStored Ended Abandoned ErasureRequested
    """,
    "payments.Payment": """
        Opened Succeeded Failed Expired CashReceived PutInSuspense Matched RefundOrdered Refunded ErasureRequested
    """,
    "staff.Reading": "PersonalDataRead",
    "taxpayer.Registration": """
        Registered MobileConfirmed EmailConfirmed ConsentGiven ConsentWithdrawn CodeReissued ActivationLinkSent
        UsernameClarified VideoVerified VerifiedAtServiceCentre Activated ActivationRefused Superseded PasswordChanged
        ExpiryWarned Expired ErasureRequested PersonalDataErased
    """,
    "taxpayer.Username": "Reserved ReservedAgain Released ErasureRequested",
}
"""The design's table, but for the appeal; a case's erasure is also said in the streams of its calls and payments."""
IN_CLEAR = {
    "compatriot.Application": """
        amount answer_until asked_at asked_by call channel chief code_issue code_version days draft due
        end_moves_for_holidays fee fee_in_force_since file files ground kind language lapses_after method missing
        officer operator outcome paper payment reason received reception_until recommends refunded_endings subjects
        term_days tier version
    """,
    "videobar.Call": """
        began broken_off case channel checks consent consent_language counts ended file ground number outcome reason
        service side
    """,
    "payments.Payment": """
        amount case credited_on doubt expires fee matching number reason received transaction
    """,
    "staff.Reading": "purpose subjects what",
    "taxpayer.Registration": """
        activation_until asked_at asked_by by_registration call centre code_issue code_version consultant draft ends
        expires_after ground kept kind language others route sitting subjects until username version
    """,
    "taxpayer.Username": "folding reason registration",
}
"""Facts that say nothing of a person, or too little: who adds one decides it here."""
SEALED = {
    "compatriot.Application": "number cash_reference form documents reasons text document",
    "videobar.Call": "declared will reasons",
    "payments.Payment": "payer reasons reference",
    "staff.Reading": "",
    "taxpayer.Registration": "number form mobile email to reasons",
    "taxpayer.Username": "username",
}
"""Facts that are sealed in whatever event they stand."""


def test_every_event_class_of_the_design_is_there() -> None:
    assert set(CLASSES) == {f"{aggregate}.{name}" for aggregate, names in EVENTS.items() for name in names.split()}


def test_every_version_of_every_event_class_is_kept() -> None:
    kept = {(row["topic"], row["class_version"]) for _, story in STORIES for row in story["events"]}
    wanted = {(t, v) for t, kind in CLASSES.items() for v in range(1, shape_of(kind).version + 1)}
    assert kept >= wanted


@pytest.mark.parametrize(("path", "story"), STORIES, ids=[path.stem for path, _ in STORIES])
def test_what_was_stored_replays_to_where_it_stood(path: Path, story: dict[str, Any]) -> None:
    stands = {stream: standing(aggregate) for stream, aggregate in replayed(story["events"]).items()}
    assert stands == story["stands"]


@pytest.mark.parametrize(("path", "story"), STORIES, ids=[path.stem for path, _ in STORIES])
def test_what_was_stored_would_be_stored_alike(path: Path, story: dict[str, Any]) -> None:
    for row in story["events"]:
        event = revived(row)
        if shape_of(type(event)).version == row["class_version"]:
            assert dump(stored(event)) == dump(row)


@pytest.mark.parametrize(("path", "story"), STORIES, ids=[path.stem for path, _ in STORIES])
def test_what_was_stored_replays_also_when_its_persons_are_erased(path: Path, story: dict[str, Any]) -> None:
    """The office's books outlive the person: what was paid, decided and sent back stands as it stood."""
    for stream, aggregate in replayed(story["events"], erased=True).items():
        stands = standing(aggregate)
        assert stands == {**story["stands"][stream], **({"documents": []} if "documents" in stands else {})}


@pytest.mark.parametrize("aggregate", EVENTS)
def test_what_says_something_about_a_person_is_sealed(aggregate: str) -> None:
    circumstances = {"timestamp", "by", "command", "correlation", "subject", "originator_topic"}
    shapes = [shape_of(kind) for topic, kind in CLASSES.items() if topic.startswith(aggregate)]
    clear = {name for shape in shapes for name in shape.hints if name not in shape.personal} - circumstances
    assert clear == set(IN_CLEAR[aggregate].split())
    assert {name for shape in shapes for name in shape.personal} == set(SEALED[aggregate].split())


def test_no_test_writes_a_stored_story() -> None:
    before = {path: path.read_bytes() for path in FOLDER.iterdir()}
    name = next(iter(before)).stem
    script = Path(__file__).parent / "stored.py"
    ran = subprocess.run([sys.executable, str(script), "--write", name], capture_output=True, text=True, check=False)
    assert "FileExistsError" in ran.stderr
    assert before == {path: path.read_bytes() for path in FOLDER.iterdir()}


REPLAY_ELSEWHERE = """
import sys
sys.path[:0] = sys.argv[1:]
from stored import replayed, standing, stories
from domain.elsewhere.cases import Case
seen = 0
for path, story in stories():
    found = replayed(story["events"])
    moved = [aggregate for aggregate in found.values() if aggregate.TOPIC == "compatriot.Application"]
    assert all(type(aggregate) is Case for aggregate in moved)
    seen += len(moved)
    assert {stream: standing(aggregate) for stream, aggregate in found.items()} == story["stands"], path
assert seen
print("replayed", len(list(stories())), Case.Paid.__module__)
"""


def test_a_class_may_move_and_be_renamed_and_its_events_still_replay(tmp_path: Path) -> None:
    """The domain is copied, `Application` and `History` get other names in other modules, and read what was stored."""
    house = tmp_path / "domain"
    shutil.copytree(ROOT / "domain", house, ignore=shutil.ignore_patterns("__pycache__"))
    (house / "elsewhere").mkdir()
    (house / "elsewhere" / "__init__.py").write_text("")
    shutil.move(house / "compatriot" / "application.py", house / "elsewhere" / "cases.py")
    shutil.move(house / "compatriot" / "events.py", house / "elsewhere" / "course.py")
    for path in (path for name in ("compatriot", "elsewhere") for path in (house / name).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        text = text.replace("compatriot.application import", "elsewhere.cases import")
        text = text.replace("compatriot.events import", "elsewhere.course import")
        text = re.sub(r"(?<!\.)\bHistory\b", "Course", text)
        text = re.sub(r"(?<!\.)\bApplication\b", "Case", text)
        path.write_text(text, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-B", "-c", REPLAY_ELSEWHERE, str(tmp_path), str(ROOT), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["replayed", str(len(STORIES)), "domain.elsewhere.cases"]


def test_topics_are_declared_and_not_module_paths() -> None:
    for topic, kind in CLASSES.items():
        assert topic.rsplit(".", 1)[1] == kind.__name__
    assert {aggregate.TOPIC for aggregate in (Application, Call, Payment, Reading, Registration, Username)} == set(
        EVENTS
    )
