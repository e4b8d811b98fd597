"""Erasures of registrations in the real house: killed at a step and resumed, and nothing left of the person."""

from uuid import UUID, uuid4

import pytest
from consumer_house import opened
from erasure_steps import GURAM, IRMA, decide, killed_at, rows

from domain.cases import DRAFT, NUMBER
from domain.erasure import LegalGround
from domain.language import Language
from domain.office import Receipt
from domain.people import Actor, Role, system
from domain.taxpayer.at_the_bar import ACCOUNT
from domain.taxpayer.commands import Consultant, Standing
from domain.taxpayer.form import Form
from domain.taxpayer.password import NewPassword
from domain.taxpayer.registration import Registration
from domain.taxpayer.retention import AccountInUse, StillAwaited
from domain.taxpayer.username import username_address
from domain.videobar.terms import Declared, Media
from housekeeping.one_time_codes import CodePurpose
from ledger.erasure_register import ErasureRegister
from projections import registration as registrations

PASSWORD = NewPassword("Vashli7-mtsvane", "Vashli7-mtsvane")
CONSULTANT = Actor("person-lali", Role.CONSULTANT)


@pytest.fixture
def at(sandbox, new_database, tmp_path):
    with opened(
        sandbox.folder.parent, new_database, sandbox, files_url=str(tmp_path / "files"), password_cost="m=64,t=1,p=1"
    ) as house:
        house.house.erasures.memory = 0.0
        yield house


def filed(at, identification, username) -> UUID:
    house = at.house
    draft = house.drafts.open("198.51.100.7")
    house.drafts.confirm_mobile(draft.id, "+995555123456")
    house.drafts.confirm_email(draft.id, "giorgi@example.org")
    receipt: Receipt = house.taxpayer.register(
        at.office.act(Actor(str(draft.id), Role.APPLICANT), "register"),
        draft=draft.id,
        subject=draft.subject,
        form=Form(username, identification, "555123456", "giorgi@example.org", Language.KA),
        password=PASSWORD,
        consents=(),
    )
    return receipt.stream


def enter(at, case):
    return at.house.videobar.enter(
        at.office.act(at.holder(case), "enter"), case=case, consent="v1", consent_language=Language.KA,
        media=Media(True, True), declared=Declared("გიორგი", "ბერიძე", "01001000001", "555123456"),
    ).stream  # fmt: skip


def disown(at, case):
    office = at.office.act(system("links"), "send link")
    at.house.taxpayer.send_link(office, case=case, to="giorgi@registry.example")
    at.house.taxpayer.disown(at.office.act(Actor(str(case), Role.ADDRESSEE), "disown"), case=case)


def activate(at, case, identification):
    at.house.taxpayer.activate_at_centre(
        at.office.act(CONSULTANT, "activate"), case=case, consultant=Consultant("01001000003", "tbilisi-1"),
        visitor=Standing(identification), form_signed=True, document_seen=True,
    )  # fmt: skip


def is_gone(at, case, facts):
    """Nothing is left of the registration but bare facts."""
    number, subject, draft, call, name, username, identification = facts
    house = at.house
    assert rows(at, "SELECT wrapped FROM keystore.subject WHERE id = %s", subject, keys=True) == [(None,)]
    assert subject in ErasureRegister(house.settings.erasures).subjects()
    for kind, value in ((NUMBER, number), (DRAFT, str(draft)), (ACCOUNT, identification), username_address(username)):
        assert at.office.find(kind, value) is None, kind
    assert house.taxpayer.siblings.pending(identification) == ()
    assert rows(at, "SELECT * FROM ledger.address WHERE stream = ANY(%s)", [case, name]) == []
    for table, column in (("password", "registration"), ("one_time_code", "holder"), ("draft", "subject")):
        about = [case, call, draft, subject]
        assert rows(at, f"SELECT * FROM housekeeping.{table} WHERE {column} = ANY(%s)", about) == [], table
    assert at.events(case)[-2:] == ["ErasureRequested", "PersonalDataErased"]
    assert at.events(call)[-1] == at.events(name)[-1] == "ErasureRequested"
    assert registrations.find(house.pool, case).row is None
    assert registrations.erasing(house.pool) in ([], [case])
    [sealed] = rows(at, f"SELECT declared FROM reading.{registrations.CALL.bare()} WHERE stream = %s", call)
    assert sealed == (None,)


def facts_of(at, case, call):
    found = at.office.load(Registration, case)
    form = found.form
    name = at.office.find(*username_address(form.username))
    return found.number, found.subject, found.draft, call, name, form.username, form.identification


@pytest.mark.parametrize(
    ("place", "name", "when"),
    [
        ("ledger.keys", "destroy", "after"),
        ("ledger.addresses", "forget", "after"),
        ("consumers.erasures", "remove_rows", "after"),
    ],
)
def test_killed_at_a_step_it_is_finished_by_the_next_round_and_the_name_begins_anew(at, place, name, when):
    case = filed(at, "01001000001", "giorgi-beridze")
    call = enter(at, case)
    at.house.one_time_codes.issue(CodePurpose.READ_OUT, call, "+995555123456")
    disown(at, case)
    at.project()
    facts = facts_of(at, case, call)
    decide(at, case)
    at.project()
    killed_at(at, case, place, name, when)
    assert at.house.erasures.unfinished() == [case]
    assert at.house.erasures.resume() == 1
    is_gone(at, case, facts)
    assert at.house.erasures.carry_out(case)
    again = filed(at, "01001000001", "giorgi-beridze")
    found = at.office.find(*username_address("giorgi-beridze"))
    assert found not in (None, facts[4])
    assert at.house.taxpayer.siblings.pending("01001000001") == (again,)


def test_an_account_goes_when_no_law_asks_for_it_and_its_taxpayer_may_have_another(at):
    identification = "01001000001"
    case = filed(at, identification, "giorgi-beridze")
    call = enter(at, case)
    erasures = at.house.erasures
    with pytest.raises(StillAwaited):
        erasures.ask(at.office.act(IRMA, "erase"), case, LegalGround.RETENTION_OVER)
    activate(at, case, identification)
    with pytest.raises(AccountInUse):
        erasures.ask(at.office.act(IRMA, "erase"), case, LegalGround.DATA_SUBJECT_REQUEST)
    facts = facts_of(at, case, call)
    erasures.ask(at.office.act(IRMA, "erase"), case, LegalGround.RETENTION_OVER)
    erasures.confirm(at.office.act(GURAM, "erase"), case)
    assert not erasures.carry_out(case), "the read models have not heard of it"
    at.project()
    assert erasures.carry_out(case)
    is_gone(at, case, facts)
    again = filed(at, identification, f"name-{uuid4().hex[:8]}")
    activate(at, again, identification)
