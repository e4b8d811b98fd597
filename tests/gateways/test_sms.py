"""A text message is taken once, refused for now or for good; never twice for being tried again."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from neighbours import Sandbox

from gateways.neighbour import Patience
from gateways.sms import LONGEST, Sms, SmsRejected, SmsUnavailable

PATIENT = Patience(connect=10.0, answer=10.0, in_all=20.0, tries=3, trips_after=100)
HASTY = Patience(connect=10.0, answer=0.3, in_all=1.0, tries=2, trips_after=100)


def gateway(sandbox: Sandbox, patience: Patience = PATIENT, **changes: str) -> Sms:
    known = {"base_url": f"{sandbox.url}/sms", "api_key": sandbox.secrets["sms_api_key"], "sender": "Office"}
    return Sms(**{**known, **changes}, patience=patience)


@pytest.fixture
def sms(shared_sandbox: Sandbox) -> Iterator[Sms]:
    opened = gateway(shared_sandbox)
    yield opened
    opened.close()
    shared_sandbox.ask("POST", "/sms/behaviour", json={"mode": "ok"})


def behave(sandbox: Sandbox, **wish: object) -> None:
    sandbox.ask("POST", "/sms/behaviour", json=wish).raise_for_status()


def mobile() -> str:
    """Nobody else's."""
    return f"+9955{uuid4().int % 10**8:08d}"


def test_a_message_arrives_as_it_was_written(sms: Sms, shared_sandbox: Sandbox) -> None:
    to = mobile()
    sms.send(to, "თქვენი კოდია 123456.\nSarkmeli")
    (arrived,) = shared_sandbox.texts(to)
    assert (arrived["from"], arrived["to"], arrived["text"]) == ("Office", to, "თქვენი კოდია 123456.\nSarkmeli")
    assert "თქვენი კოდია 123456." in shared_sandbox.ask("GET", "/phones").text


def test_a_message_that_was_taken_without_a_word_is_not_sent_twice(sms: Sms, shared_sandbox: Sandbox) -> None:
    """The tries of one call share a key; who sends again later brings the key along."""
    to, later, key = mobile(), mobile(), uuid4()
    behave(shared_sandbox, mode="mute", times=2)
    sms.send(to, "one")
    behave(shared_sandbox, mode="mute", times=3)
    with pytest.raises(SmsUnavailable):
        sms.send(later, "two", key=key)
    sms.send(later, "two", key=key)
    assert [len(shared_sandbox.texts(number)) for number in (to, later)] == [1, 1]


def test_another_message_under_a_used_key_is_not_sent(sms: Sms, shared_sandbox: Sandbox) -> None:
    to, key = mobile(), uuid4()
    sms.send(to, "one", key=key)
    with pytest.raises(SmsRejected):
        sms.send(to, "another", key=key)
    assert [each["text"] for each in shared_sandbox.texts(to)] == ["one"]


@pytest.mark.parametrize("mode", ["slow", "failing", "wrong"])
def test_a_gateway_that_does_not_answer_well_is_unavailable(shared_sandbox: Sandbox, mode: str) -> None:
    behave(shared_sandbox, mode=mode)
    hasty = gateway(shared_sandbox, HASTY)
    try:
        with pytest.raises(SmsUnavailable):
            hasty.send(mobile(), "x")
    finally:
        hasty.close()
        behave(shared_sandbox, mode="ok")


def test_a_number_that_nobody_has_is_rejected_for_good(sms: Sms) -> None:
    with pytest.raises(SmsRejected):
        sms.send("+995500000003", "x")


def test_a_wrong_key_is_the_offices_fault_and_rejects_nobody(shared_sandbox: Sandbox) -> None:
    with pytest.raises(SmsUnavailable):
        gateway(shared_sandbox, api_key="wrong").send(mobile(), "x")


@pytest.mark.parametrize("to", ["", "555123456", "+995 555 123456", "+995555123456\n", "+٩٩٥٥٥٥١٢٣٤٥٦", "+0555123456"])
def test_only_a_mobile_is_written_to(sms: Sms, to: str) -> None:
    with pytest.raises(ValueError, match=r"E\.164"):
        sms.send(to, "x")


@pytest.mark.parametrize("text", ["", " \n", "x" * (LONGEST + 1), "a\x00b", "a\rb", "a\u2028b"])
def test_only_a_message_is_sent(sms: Sms, text: str) -> None:
    with pytest.raises(ValueError, match="control"):
        sms.send("+995555123456", text)
