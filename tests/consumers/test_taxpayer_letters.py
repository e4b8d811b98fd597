"""The letters of the taxpayer service, through the one notices consumer and the sandbox's mail server."""

import re
from uuid import uuid4

import pytest
from consumer_taxpayers import GIORGI, NINO, REGISTERED_EMAIL, Taxpayers
from erasure_steps import decide

import texts
from consumers.compatriot.letters import KINDS as APPLICATION_KINDS
from consumers.notices import Notices
from consumers.taxpayer.letters import KINDS
from domain.erasure import LegalGround
from domain.language import Language
from domain.number import group_code, group_number
from domain.people import system
from domain.taxpayer.state import RefusalGround, Route
from housekeeping import notices as outbox


@pytest.fixture
def taxpayers(at):
    return Taxpayers(at)


@pytest.fixture
def somebody():
    return f"filer.{uuid4().hex[:8]}@example.org"


def told(sandbox, to):
    """The mails to an address: {kind: mail}, in order."""
    mails = sandbox.mails(to, wait=0)
    return {mail["message_id"].split("@")[0].rsplit(".", 1)[1]: mail for mail in mails}


@pytest.mark.parametrize("language", Language)
def test_who_files_gets_number_and_code_and_the_ways_to_activate(at, taxpayers, sandbox, somebody, language):
    case = taxpayers.files(email=somebody, language=language)
    assert at.house.notices().run_once() == (1, 1)
    mail = told(sandbox, somebody)["registration_filed"]
    registration = taxpayers.registration(case)
    code = group_code(at.house.taxpayer.code_of(case))
    until = texts.spoken(registration.activation_until, language.value)
    for form in (mail["text"], mail["html"]):
        assert all(
            told in form for told in (group_number(registration.number), code, registration.form.username, until)
        )
    assert mail["language"] == language.value
    assert bool(re.search("[ა-ჰ]", mail["subject"])) == (language is Language.KA)


def test_both_services_are_told_by_one_consumer_in_the_order_of_the_ledger(at, taxpayers, sandbox, somebody):
    at.register(somebody)
    case = taxpayers.files(email=somebody)
    taxpayers.holds(case, at.house.taxpayer.reissue_code)
    assert at.house.notices().run_once() == (3, 3)
    assert list(told(sandbox, somebody)) == ["registered", "registration_filed", "registration_code_reissued"]
    code = group_code(at.house.taxpayer.code_of(case))
    assert code in told(sandbox, somebody)["registration_filed"]["text"], "sent late, it holds the code in force"


def test_two_services_cannot_claim_one_kind_of_mail(at):
    class Double:
        kinds = dict(list(APPLICATION_KINDS.items())[:1])

    with pytest.raises(ValueError, match="one service"):
        Notices("", at.house.ledger.reader, (Double(), Double()), at.house.mail)
    assert not set(KINDS.values()) & set(APPLICATION_KINDS.values())


def test_an_activation_by_link_is_told_to_whom_the_registry_knows_and_so_is_all_that_follows(
    at, taxpayers, sandbox, somebody
):
    case = taxpayers.files(NINO, email=somebody)
    taxpayers.asks_for_link(NINO)
    at.house.links.send()
    seen = len(sandbox.mails(REGISTERED_EMAIL[NINO], wait=0))
    link = sandbox.mails(REGISTERED_EMAIL[NINO])[-1]["text"]
    taxpayers.opens(re.search(r"/activate#(\S+)", link)[1])
    taxpayers.changes_password(case)
    at.house.notices().run_once()
    assert list(told(sandbox, somebody)) == ["registration_filed"], "whoever filed it hears no more of it"
    activated, reissued, changed = sandbox.mails(REGISTERED_EMAIL[NINO])[seen:]
    where = f"{at.house.settings.url}/activate"
    assert where in activated["text"].split(), "who did not ask for it is led to where a new link is asked for"
    assert f'href="{where}"' in activated["html"]
    assert group_code(at.house.taxpayer.code_of(case)) in reissued["text"], "the code of the form opens no more"
    assert "password" in changed["subject"]
    assert "by a link" not in changed["text"]


def test_who_was_refused_reads_what_to_do(at, taxpayers, sandbox, somebody):
    bar, ended = (taxpayers.files(GIORGI, email=f"{where}.{somebody}") for where in ("bar", "ended"))
    for case, ground in ((bar, RefusalGround.NO_VISUAL_CONTACT), (ended, RefusalGround.IDENTITY_DOUBT)):
        registration = taxpayers.registration(case)
        act = at.office.act(system("a consultant"), "refuse")
        registration.refuse_activation(act, route=Route.VIDEO, ground=ground, reasons="a word that is not mailed")
        at.office.commit(registration, act=act)
    at.house.notices().run_once()
    for where, says, not_says in (
        ("bar", "the registration stands", "has ended"),
        ("ended", "This registration has ended", "stands. To activate"),
    ):
        text = told(sandbox, f"{where}.{somebody}")["activation_refused"]["text"]
        assert says in text
        assert not_says not in text
        assert "not mailed" not in text


def test_who_chose_another_registration_hears_that_this_one_ended(at, taxpayers, sandbox, somebody):
    taxpayers.files(NINO, email=f"left.{somebody}", username="datovebuli")
    taxpayers.files(NINO, email=f"kept.{somebody}", username="shenakhuli")
    taxpayers.asks_for_link(NINO)
    at.house.links.send()
    links = sandbox.mails(REGISTERED_EMAIL[NINO])[-1]["text"]
    taxpayers.opens(re.search(r"shenakhuli[^#]*#(\S+)", links)[1])
    at.house.notices().run_once()
    assert "datovebuli" in told(sandbox, f"left.{somebody}")["registration_superseded"]["text"]
    assert list(told(sandbox, f"kept.{somebody}")) == ["registration_filed"]


def test_whose_data_are_to_be_erased_is_written_to_no_more(at, taxpayers, sandbox, somebody):
    case = taxpayers.files(NINO, email=somebody)
    taxpayers.asks_for_link(NINO)
    at.house.links.send()
    earlier = len(sandbox.mails(REGISTERED_EMAIL[NINO]))
    token = re.search(r"/activate#(\S+)", sandbox.mails(REGISTERED_EMAIL[NINO])[-1]["text"])[1]
    taxpayers.opens(token)
    sandbox.ask("POST", "/mailbox/behaviour", json={"mode": "busy", "times": 3})
    assert at.house.notices().run_once() == (3, 0)
    decide(at, case, ground=LegalGround.RETENTION_OVER)
    taxpayers.asks_for_link(NINO)
    assert at.house.links.send() == 0
    with at.house.pool.connection() as db:
        db.execute("UPDATE housekeeping.notice SET next_at = now() WHERE next_at IS NOT NULL")
    assert at.house.notices().run_once()[1] == 0
    assert {notice.gave_up for notice in outbox.of_case(at.house.pool, case)} == {"NothingToTell"}
    assert sandbox.mails(somebody, wait=0) == []
    assert len(sandbox.mails(REGISTERED_EMAIL[NINO])) == earlier


@pytest.mark.parametrize("kind", sorted(KINDS.values()))
def test_every_kind_can_be_written_in_both_languages(kind):
    """Facts that a mail asks for and the consumer does not give would raise here, whatever the event."""
    facts = dict.fromkeys(("number", "username", "code", "until", "changed", "open_until"), "x")
    facts |= {"by_link": True, "ended": True, "address": "https://x/activate"}
    assert texts.mail_facts(kind) <= facts.keys()
    for language in Language:
        texts.mail(kind, language.value, office_name="x", status_url="https://x", **facts)
