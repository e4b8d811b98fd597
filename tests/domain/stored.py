"""Stories as the ledger stores them, kept for ever: what was stored once must replay under every later program.

    python tests/domain/stored.py --write NAME

tells the story NAME of `STORIES` and writes it beside the others. It refuses to touch a file that is there: an event
that changes gets a new version, an upcaster and a new story; the old files stay and must still replay.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from eventsourcing.utils import get_topic

from domain.event import ERASED, Root
from ledger.shape import shape_of
from ledger.topics import event_class

FOLDER = Path(__file__).parent / "stored"
OURS = ("compatriot.", "taxpayer.", "videobar.", "payments.", "staff.")
"""The topics of the office's own aggregates; a test's permit is none."""


def stored(event: Any) -> dict[str, Any]:
    """An event as plain JSON, every fact by the codec; nothing is sealed, for these people do not exist."""
    shape = shape_of(type(event))
    return {
        "stream": str(event.originator_id),
        "version": event.originator_version,
        "topic": get_topic(type(event)),
        "class_version": shape.version,
        "facts": shape.write(event, shape.hints),
    }


def revived(row: dict[str, Any], *, erased: bool = False) -> Any:
    """The event, upcast to what its class is now; ``erased``: as it reads once its person's key is gone."""
    kind = event_class(row["topic"])
    shape = shape_of(kind)
    facts = dict(row["facts"])
    shape.upcast(facts, row["class_version"])
    read = shape.read(facts)
    if erased:
        read |= dict.fromkeys(shape.personal, ERASED)
    return kind(originator_id=UUID(row["stream"]), originator_version=row["version"], **read)


def replayed(rows: list[dict[str, Any]], *, erased: bool = False) -> dict[str, Root]:
    """Every aggregate of a stored story by its stream."""
    found: dict[str, Any] = {}
    for row in rows:
        found[row["stream"]] = revived(row, erased=erased).mutate(found.get(row["stream"]))
    return found


def standing(aggregate: Any) -> dict[str, Any]:
    """How an aggregate stands after its events: what the public and the rules go by."""
    return {"version": aggregate.version, **STANDINGS[type(aggregate).TOPIC](aggregate)}


def _application(application: Any) -> dict[str, Any]:
    return {
        "state": application.state.name,
        "missing": [missing.name for missing in application.missing],
        "due": [[step.rule.name, step.date.isoformat(), step.days] for step in application.due or ()],
        "answer_until": application.answer_until and application.answer_until.isoformat(),
        "outcome": application.outcome and application.outcome.name,
        "fee": str(application.fee),
        "refunds": sorted(f"{payment}: {amount}" for payment, amount in application.refunds.items()),
        "documents": [str(document.id) for document in application.documents],
        "consents": sorted(f"{kind}: {given.version} {given.language}" for kind, given in application.consents.items()),
        "code": [application.code_version, application.code_issue],
        "hands": [application.hands.operator, application.hands.assigned],
        "officers": list(application.hands.officers),
        "chiefs": list(application.hands.chiefs),
        "end_moves_for_holidays": application.end_moves_for_holidays,
    }


def _call(call: Any) -> dict[str, Any]:
    return {
        "case": str(call.case),
        "phase": call.phase.name,
        "number": call.number,
        "broken_off": call.broken_off,
        "operator": call.operator and call.operator.id,
        "channels": {side.name: channel.name for side, channel in call.channels.items()},
        "checks": call.checks and [kind.name for kind in call.checks.not_passed()],
        "carried_media": call.carried_media,
    }


def _payment(payment: Any) -> dict[str, Any]:
    return {
        "case": payment.case and str(payment.case),
        "phase": payment.phase.name,
        "method": payment.method.name,
        "fee": payment.fee and str(payment.fee),
        "received": payment.received and str(payment.received),
        "transaction": payment.transaction,
        "refund": payment.refund_transaction,
    }


def _registration(registration: Any) -> dict[str, Any]:
    clarified = registration.clarified
    return {
        "state": registration.state.name,
        "kind": registration.kind.name,
        "activation_until": registration.activation_until.isoformat(),
        "password_of": str(registration.password_of),
        "link_until": registration.link_until and registration.link_until.isoformat(),
        "clarified": clarified and [str(clarified.call), clarified.by, str(clarified.kept)],
        "consents": sorted(
            f"{kind}: {given.version} {given.language}" for kind, given in registration.consents.items()
        ),
        "code": [registration.code_version, registration.code_issue],
        "bar_is_closed": registration.bar_is_closed,
        "is_warned": registration.is_warned,
        "is_erased": registration.is_erased,
        "username_erased": registration.username_erased and str(registration.username_erased),
    }


def _username(username: Any) -> dict[str, Any]:
    return {
        "held_by": username.held_by and str(username.held_by),
        "last_held_by": str(username.last_held_by),
        "is_forgotten": username.is_forgotten,
    }


STANDINGS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "compatriot.Application": _application,
    "videobar.Call": _call,
    "payments.Payment": _payment,
    "staff.Reading": lambda _: {},
    "taxpayer.Registration": _registration,
    "taxpayer.Username": _username,
}


def stories() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every stored story."""
    for path in sorted(FOLDER.glob("*.json")):
        yield path, json.loads(path.read_text(encoding="utf-8"))


def write(name: str) -> None:
    """Tell and store one story. Raises: FileExistsError if it was stored before."""
    from stored_stories import STORIES

    story = STORIES[name]()
    events = [story.office.mapper.to_domain_event(row) for row in story.office.recorder.select_notifications(1, 10_000)]
    rows = [stored(event) for event in events if get_topic(type(event)).startswith(OURS)]
    document = {
        "events": rows,
        "stands": {stream: standing(aggregate) for stream, aggregate in replayed(rows).items()},
    }
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{name}.json").open("x", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, indent=1, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", metavar="NAME", required=True)
    write(parser.parse_args().write)
