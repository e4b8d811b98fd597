"""Erasure of a registration: who may, when, what goes with it, and that a name never comes to be held twice."""

from __future__ import annotations

import pytest
from memory_office import holder_of
from taxpayer_stage import COMPANY, DEADLINES, DIRECTORS, GIORGI, GURAM, IRMA, LALI, MAIA, Stage

from domain.consents import ConsentKind
from domain.erasure import ErasureNeedsAnother, ErasureUnderWay, LegalGround, PersonalDataGone
from domain.event import ERASED
from domain.office import UnknownCase
from domain.people import Actor, Role
from domain.roles import NotForThisRole
from domain.taxpayer.registration import Registration
from domain.taxpayer.retention import AccountInUse, StillAwaited
from domain.taxpayer.username import Username, UsernameTaken
from domain.videobar.call import Call

WISH = LegalGround.DATA_SUBJECT_REQUEST
OVER = LegalGround.RETENTION_OVER


@pytest.fixture
def stage() -> Stage:
    return Stage()


def disowned(stage: Stage, name: str = "giorgi", **form: str) -> None:
    stage.files(name, **form)
    stage.is_sent_a_link(name)
    stage.disowns(name)


def test_what_may_yet_be_activated_is_not_erased(stage: Stage) -> None:
    stage.files("giorgi")
    for ground in LegalGround:
        stage.when(lambda ground=ground: stage.is_to_be_erased("giorgi", ground)).refused(StillAwaited)


def test_an_account_is_erased_when_no_law_asks_for_it_and_not_by_a_wish(stage: Stage) -> None:
    stage.files("giorgi")
    stage.visits("giorgi")
    for ground in (WISH, LegalGround.CONSENT_WITHDRAWN):
        stage.when(lambda ground=ground: stage.is_to_be_erased("giorgi", ground)).refused(AccountInUse)
    stage.when(lambda: stage.is_to_be_erased("giorgi", OVER)).then("giorgi", "ErasureRequested")


@pytest.mark.parametrize("by", [LALI, DEADLINES, Actor("person-irma", Role.AUDITOR)])
def test_only_data_protection_officers_confirm(stage: Stage, by: Actor) -> None:
    disowned(stage)
    stage.when(lambda: stage.is_to_be_erased("giorgi", WISH, by=by)).refused(
        NotForThisRole, needed=Role.DATA_PROTECTION
    )
    stage.when(lambda: stage.erasures.check(stage.act(by), case=stage.cases["giorgi"], ground=WISH)).refused(
        NotForThisRole
    )


def test_one_person_is_not_two(stage: Stage) -> None:
    disowned(stage)
    stage.when(lambda: stage.is_to_be_erased("giorgi", WISH, by=IRMA)).refused(ErasureNeedsAnother)


def test_its_calls_and_its_name_are_fenced_with_it_and_nothing_else_happens(stage: Stage) -> None:
    stage.files("giorgi")
    call = stage.calls("giorgi")
    stage.is_sent_a_link("giorgi")
    stage.disowns("giorgi")
    found = stage.office.find(*stage.address_of("giorgi-beridze"))
    stage.when(lambda: stage.is_to_be_erased("giorgi", WISH)).then("giorgi", "ErasureRequested")
    assert stage.office.story(call)[-2:] == ["Abandoned", "ErasureRequested"]
    assert stage.office.load(Call, call).declared == ERASED
    assert stage.office.story(found)[-1] == "ErasureRequested"
    belongings = stage.erasures.belongings(stage.cases["giorgi"])
    assert set(belongings.streams) == {stage.cases["giorgi"], call, found}
    assert belongings.addressed == (stage.cases["giorgi"], found)
    assert {type(stage.office.history(stream)[-1]) for stream in belongings.streams} == set(stage.erasures.fences)

    case, holder = stage.cases["giorgi"], stage.holder("giorgi")
    for attempt in (
        lambda: stage.commands.withdraw_consent(stage.act(holder), case=case, kind=ConsentKind.OBLIGATIONS_BY_SMS),
        lambda: stage.commands.reissue_code(stage.act(holder), case=case),
        lambda: stage.is_sent_a_link("giorgi"),
        lambda: stage.opens_the_link("giorgi"),
        lambda: stage.disowns("giorgi"),
        lambda: stage.visits("giorgi"),
        lambda: stage.calls("giorgi"),
        lambda: stage.is_warned("giorgi"),
        lambda: stage.expires("giorgi"),
        lambda: stage.is_to_be_erased("giorgi", WISH),
        lambda: stage.changes_the_password("giorgi"),
    ):  # fmt: skip
        stage.when(attempt).refused(ErasureUnderWay)
    with pytest.raises(UnknownCase):
        stage.commands.code_of(case)

    stage.when(lambda: stage.is_erased("giorgi")).then("giorgi", "PersonalDataErased")
    stage.when(lambda: stage.is_erased("giorgi")).then("giorgi")
    stage.when(lambda: stage.is_sent_a_link("giorgi")).refused(PersonalDataGone)


def test_a_name_is_taken_until_what_led_to_it_is_gone_and_then_begins_anew(stage: Stage) -> None:
    disowned(stage)
    before = stage.office.find(*stage.address_of("giorgi-beridze"))
    stage.is_to_be_erased("giorgi", WISH)
    stage.when(lambda: stage.files("other", identification=MAIA)).refused(UsernameTaken)
    stage.leads_nowhere("giorgi")
    stage.files("other", identification=MAIA)
    after = stage.office.find(*stage.address_of("giorgi-beridze"))
    assert after not in (None, before)
    assert stage.who_has("giorgi-beridze") == stage.cases["other"]


def test_a_name_that_somebody_else_has_since_is_theirs(stage: Stage) -> None:
    disowned(stage)
    stage.files("other", identification=MAIA)
    stage.is_to_be_erased("giorgi", WISH)
    assert stage.erasures.belongings(stage.cases["giorgi"]).addressed == (stage.cases["giorgi"],)
    assert stage.who_has("giorgi-beridze") == stage.cases["other"]
    stage.visits("other", visitor=stage.standing(MAIA))
    stage.is_to_be_erased("other", OVER)
    username = stage.office.load(Username, stage.office.find(*stage.address_of("giorgi-beridze")))
    assert (username.is_forgotten, username.held_by) == (True, None)


def test_once_an_account_is_erased_the_taxpayer_may_have_another(stage: Stage) -> None:
    stage.files("company", identification=COMPANY)
    stage.visits("company", visitor=stage.standing(GIORGI, DIRECTORS))
    stage.is_to_be_erased("company", OVER)
    stage.leads_nowhere("company")
    stage.is_erased("company")
    stage.files("again", identification=COMPANY)
    stage.when(lambda: stage.visits("again", visitor=stage.standing(GIORGI, DIRECTORS))).then(
        "again", "VerifiedAtServiceCentre", "Activated"
    )


def test_a_registration_loaded_without_its_key_can_still_be_carried_to_the_end(stage: Stage) -> None:
    """The erasure is broken off after the key went: the name's stream is known from the event and not from the form."""
    disowned(stage)
    name = stage.office.find(*stage.address_of("giorgi-beridze"))
    stage.is_to_be_erased("giorgi", WISH)
    registration = stage.office.load(Registration, stage.cases["giorgi"])
    registration.form = ERASED
    assert registration.username_erased == name
    assert registration.draft == stage.office.history(registration.id)[0].draft
    assert (GURAM.role, holder_of(registration).id) == (Role.DATA_PROTECTION, str(registration.id))
