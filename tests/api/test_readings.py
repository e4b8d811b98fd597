"""Staff see nobody's data before the reading is committed."""

from uuid import UUID

import psycopg
import pytest
from window import keyed, registered

from domain.staff.reading import Reading
from ledger.sealing import Sealer


def readings(at):
    """Every reading so far: (who, purpose, what, subjects)."""
    found = []
    for recorded in at.house.ledger.reader.read(0, 100_000):
        if isinstance(recorded.event, Reading.PersonalDataRead):
            event = recorded.event
            found.append((event.by.role.value, event.purpose.value, event.what, event.subjects))
    return found


@pytest.fixture
def opened(at, monkeypatch):
    """How many readings were committed, as another connection sees it, whenever sealed parts were opened."""
    seen = []
    original = Sealer.open_all

    def noted(self, sealed):
        with psycopg.connect(at.house.settings.ledger_conninfo) as connection:
            topic = Reading.PersonalDataRead.TOPIC
            seen.append(
                connection.execute("SELECT count(*) FROM ledger.event WHERE topic = %s", (topic,)).fetchone()[0]
            )
        return original(self, sealed)

    monkeypatch.setattr(Sealer, "open_all", noted)
    return seen


def test_a_case_is_opened_once_its_reading_is_committed(at, opened):
    _, answer = registered(at)
    officer = at.staff("officer-1")
    before = len(readings(at))
    opened.clear()
    shown = officer.ask("Case", id=answer["case"], atLeast=answer["token"])
    assert shown["file"]["form"]["nameLatin"]["first"] == "Nino"
    (reading,) = readings(at)[before:]
    assert reading[:3] == ("officer", "REVIEW", "case")
    assert reading[3] == (at.house.ledger.reader.stream(UUID(answer["case"]))[0].event.subject,)
    assert set(opened) == {before + 1}


def test_nothing_is_opened_when_the_reading_cannot_be_stored(at, monkeypatch, opened):
    _, answer = registered(at)
    officer = at.staff("officer-1")
    officer.ask("Case", id=answer["case"], atLeast=answer["token"])
    opened.clear()
    before = len(readings(at))

    def died(*_, **__):
        raise psycopg.OperationalError("the connection died")

    monkeypatch.setattr(at.house.office, "commit", died)
    for operation, variables in (
        ("Case", {"id": answer["case"]}),
        ("OfficerCases", {"states": ["AWAITING_PAYMENT_AND_VIDEO"]}),
        ("CaseEvents", {"number": answer["number"]}),
    ):
        told = (at.staff("auditor") if operation == "CaseEvents" else officer).send(operation, **variables)
        assert told.status_code == 503
        assert "Nino" not in told.text
        assert "Registered" not in told.text
    assert opened == []
    assert len(readings(at)) == before


def test_a_page_of_the_list_is_one_reading_of_everybody_on_it(at):
    for _ in range(2):
        _, answer = registered(at)
    before = len(readings(at))
    page = at.staff("chief").ask(
        "OfficerCases", states=["AWAITING_PAYMENT_AND_VIDEO"], first=2, atLeast=answer["token"]
    )
    assert [edge["node"]["name"] for edge in page["edges"]] == ["ნინო მაისურაძე"] * 2
    (reading,) = readings(at)[before:]
    assert reading[:3] == ("chief", "DECISION", "officerCases")
    assert len(reading[3]) == 2
    assert page["pageInfo"]["hasNextPage"]
    rest = at.staff("chief").ask(
        "OfficerCases", states=["AWAITING_PAYMENT_AND_VIDEO"], first=1, after=page["pageInfo"]["endCursor"]
    )
    assert rest["edges"][0]["node"]["id"] not in {edge["node"]["id"] for edge in page["edges"]}


def test_the_holders_own_look_needs_no_reading(at):
    client, answer = registered(at)
    before = len(readings(at))
    client.ask("Status", **keyed(answer), atLeast=answer["token"])
    assert len(readings(at)) == before
