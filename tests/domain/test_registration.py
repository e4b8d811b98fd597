"""Taxpayer registrations: filing, the three ways to activate, ends, and what is refused on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from taxpayer_stage import (
    BETTER,
    COMPANY,
    DEADLINES,
    DESK,
    GIORGI,
    GOOD,
    LALI,
    LALI_HERSELF,
    MAIA,
    RULES,
    ZURAB,
    Stage,
)

from domain.consents import Consent, ConsentKind, ConsentNotGiven, ConsentTextOutdated
from domain.faults import Fault, FaultCode, FormRefused
from domain.language import Language
from domain.office import UnknownCase
from domain.people import Actor, Role
from domain.roles import NotForThisRole
from domain.taxpayer.commands import Standing
from domain.taxpayer.password import NewPassword
from domain.taxpayer.refusals import (
    AlreadyActive,
    AlreadyFiled,
    BarClosedToIt,
    CallerNotBound,
    CentreUnknown,
    CurrentPasswordWrong,
    ExpiryAlreadyWarned,
    ExpiryNotDue,
    ExpiryNotWarned,
    LinkNotSent,
    NotActive,
    NotARepresentative,
    NotClarified,
    NotOfThisTaxpayer,
    OwnRegistration,
    PaperNotSeen,
    RegistrationEnded,
    TaxpayerHasAccount,
)
from domain.taxpayer.registry import Entry, PublicRegistryUnavailable, representatives
from domain.taxpayer.siblings import AT_ONCE, SLOTS
from domain.taxpayer.state import RefusalGround, RegistrationState, Route
from domain.taxpayer.username import UsernameTaken
from domain.videobar.case import DOUBTS, Ground
from domain.videobar.refusals import GroundNotOfCase, NotYourCall
from domain.videobar.terms import BreakOff

LALI_AS_OPERATOR = replace(LALI, role=Role.OPERATOR)
GIORGIS_DESK = replace(DESK, personal_number=GIORGI)
"""A consultant who is the taxpayer."""
SMS = Consent(ConsentKind.OBLIGATIONS_BY_SMS, "v1", Language.KA)


@pytest.fixture
def stage() -> Stage:
    return Stage()


# Filing.


def test_filing_saves_what_was_confirmed_and_consented_together(stage: Stage) -> None:
    stage.when(lambda: stage.files("giorgi", consents=(SMS,)))
    stage.then("giorgi", "Registered", "MobileConfirmed", "EmailConfirmed", "ConsentGiven")
    assert stage.who_has("giorgi-beridze") == stage.cases["giorgi"]
    assert stage.events("giorgi")[0].form.mobile == "+995555123456"
    assert stage.passwords.of(stage.registration("giorgi")) == GOOD.text, "kept outside the ledger, before the events"
    assert GOOD.text not in repr(stage.events("giorgi"))


def test_every_fault_is_told_at_once(stage: Stage) -> None:
    stage.confirmed.unconfirmed = {"giorgi@example.org"}
    stage.when(
        lambda: stage.files(
            "x", password=NewPassword("short", "other"), username="გio", identification="123", mobile="032 2 11 22 33"
        )
    ).refused(
        FormRefused,
        faults=(
            Fault("username", FaultCode.TOO_SHORT),
            Fault("username", FaultCode.SCRIPTS_MIXED),
            Fault("identification", FaultCode.IDENTIFICATION_MALFORMED),
            Fault("password", FaultCode.TOO_SHORT),
            Fault("password", FaultCode.DIGIT_MISSING),
            Fault("password", FaultCode.CAPITAL_MISSING),
            Fault("repeatedPassword", FaultCode.NOT_REPEATED),
            Fault("mobile", FaultCode.MOBILE_MALFORMED),
            Fault("email", FaultCode.EMAIL_NOT_CONFIRMED),
        ),
    )
    assert not stage.passwords.kept


def test_an_unconfirmed_mobile_reserves_nothing(stage: Stage) -> None:
    stage.confirmed.unconfirmed = {"+995555123456"}
    stage.when(lambda: stage.files("x")).refused(FormRefused, faults=(Fault("mobile", FaultCode.MOBILE_NOT_CONFIRMED),))
    assert stage.who_has("giorgi-beridze") is None


def test_a_username_that_reads_alike_is_taken(stage: Stage) -> None:
    stage.files("giorgi", username="Giorgi_10")
    stage.when(lambda: stage.files("other", username="glorgi-lo", identification=MAIA)).refused(UsernameTaken)


def test_who_comes_second_in_the_same_moment_is_told_that_it_is_taken(stage: Stage) -> None:
    stage.office.ledger.before_next_append = lambda: stage.files("first")
    stage.when(lambda: stage.files("second", identification=MAIA)).refused(UsernameTaken)
    assert stage.who_has("giorgi-beridze") == stage.cases["first"]


def test_a_draft_registers_once(stage: Stage) -> None:
    first = stage.files("giorgi")
    draft = first.id and stage.events("giorgi")[0].draft

    def again() -> None:
        stage.commands.register(
            stage.act(Actor(str(draft), Role.APPLICANT)),
            draft=draft,
            subject=stage.subjects.mint(),
            form=replace(first.form, username="another-name"),
            password=GOOD,
            consents=(),
        )

    stage.when(again).refused(AlreadyFiled)


def test_consents_are_given_and_taken_back_freely(stage: Stage) -> None:
    stage.files("giorgi")
    holder, case = stage.holder("giorgi"), stage.cases["giorgi"]
    give, withdraw = stage.commands.give_consent, stage.commands.withdraw_consent
    stage.when(lambda: withdraw(stage.act(holder), case=case, kind=SMS.kind)).refused(ConsentNotGiven)
    stage.when(lambda: give(stage.act(holder), case=case, consent=SMS)).then("giorgi", "ConsentGiven")
    stage.when(lambda: give(stage.act(holder), case=case, consent=SMS)).then("giorgi")
    old = replace(SMS, version="v0")
    stage.when(lambda: give(stage.act(holder), case=case, consent=old)).refused(ConsentTextOutdated)
    stage.when(lambda: withdraw(stage.act(holder), case=case, kind=SMS.kind)).then("giorgi", "ConsentWithdrawn")


def test_number_and_code_are_of_this_case_only(stage: Stage) -> None:
    stage.files("giorgi")
    stage.files("maia", username="maia-maia", identification=MAIA)
    case, before = stage.cases["giorgi"], stage.commands.code_of(stage.cases["giorgi"])
    reissue = stage.commands.reissue_code
    stage.when(lambda: reissue(stage.act(stage.holder("maia")), case=case)).refused(UnknownCase)
    stage.when(lambda: reissue(stage.act(stage.holder("giorgi")), case=case)).then("giorgi", "CodeReissued")
    assert stage.registration("giorgi").code_issue == 2
    assert before


# By video.


def test_a_call_activates(stage: Stage) -> None:
    stage.files("giorgi")
    call = stage.calls("giorgi")
    stage.when(lambda: stage.clarifies(call, "giorgi")).then("giorgi", "UsernameClarified")
    stage.when(lambda: stage.ends_well(call)).then("giorgi", "VideoVerified", "Activated")
    assert stage.events("giorgi")[-1].route is Route.VIDEO
    stage.when(lambda: stage.calls("giorgi")).refused(AlreadyActive)


def test_the_others_end_and_their_names_are_free_in_the_same_transaction(stage: Stage) -> None:
    stage.files("first")
    stage.files("second", username="beridze-giorgi")
    stage.files("stranger", username="stranger-1", identification=MAIA)
    stage.when(lambda: stage.seen("first", kept="second"))
    stage.then("second", "VideoVerified", "Activated")
    stage.then("first", "UsernameClarified", "Superseded")
    stage.then("stranger")
    assert stage.who_has("giorgi-beridze") is None
    assert stage.who_has("beridze-giorgi") == stage.cases["second"]
    stage.when(lambda: stage.files("maia", identification=MAIA)).then(
        "maia", "Registered", "MobileConfirmed", "EmailConfirmed"
    )
    assert stage.who_has("giorgi-beridze") == stage.cases["maia"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s, c: s.when(lambda: s.clarifies(c, "giorgi", code="0000")).refused(CallerNotBound),
        lambda s, c: s.when(lambda: s.clarifies(c, "stranger")).refused(NotOfThisTaxpayer),
        lambda s, c: s.when(lambda: s.clarifies(c, "giorgi", by=ZURAB)).refused(NotYourCall),
        lambda s, c: s.when(lambda: s.clarifies(c, "giorgi", by=LALI_AS_OPERATOR)).refused(NotForThisRole),
        lambda s, c: s.when(lambda: s.clarifies(c, "giorgi", caller=Standing(MAIA))).refused(NotARepresentative),
        lambda s, c: s.when(lambda: s.clarifies(c, "giorgi", consultant=GIORGIS_DESK)).refused(OwnRegistration),
        lambda s, c: s.when(lambda: s.ends_well(c)).refused(NotClarified),
    ],
)
def test_a_call_that_proves_too_little_activates_nothing(stage: Stage, spoil: Callable[[Stage, object], None]) -> None:
    stage.files("giorgi")
    stage.files("stranger", username="stranger-1", identification=MAIA)
    call = stage.calls("giorgi")
    spoil(stage, call)
    assert stage.state("giorgi") is RegistrationState.AWAITING_ACTIVATION


def test_who_read_out_another_forms_code_brings_no_form_of_a_stranger_to_life(stage: Stage) -> None:
    """The victim calls and reads out what came to their own mobile; it does not speak for the attacker's form."""
    stage.files("giorgi")
    stage.files("attacker", username="another-name", mobile="599000009")
    call = stage.calls("giorgi")
    stage.when(lambda: stage.clarifies(call, "attacker", sent_to="giorgi")).refused(CallerNotBound)
    stage.when(lambda: stage.ends_well(call)).refused(NotClarified)
    stage.clarifies(call, "giorgi")
    stage.ends_well(call)
    assert stage.state("attacker") is RegistrationState.SUPERSEDED


def test_for_want_of_a_representative_a_legal_persons_activation_is_refused_and_nobody_elses(stage: Stage) -> None:
    stage.files("company", identification=COMPANY)
    stage.when(lambda: stage.doubted("company", Ground.NO_REPRESENTATIVE)).then("company", "ActivationRefused")
    refused = stage.events("company")[-1]
    assert (refused.route, refused.ground, refused.ends) == (Route.VIDEO, RefusalGround.NO_REPRESENTATIVE, True)
    assert stage.who_has("giorgi-beridze") is None
    stage.files("giorgi")
    stage.queue.entered.clear()
    stage.when(lambda: stage.doubted("giorgi", Ground.NO_REPRESENTATIVE)).refused(GroundNotOfCase, grounds=DOUBTS)


def test_what_was_clarified_in_one_call_holds_for_no_other(stage: Stage) -> None:
    stage.files("giorgi")
    first = stage.calls("giorgi")
    stage.clarifies(first, "giorgi")
    stage.bar.abandon(stage.act(stage.holder("giorgi")), call=first)
    stage.queue.entered.clear()
    second = stage.calls("giorgi")
    stage.when(lambda: stage.ends_well(second)).refused(NotClarified)


def test_the_read_out_code_is_asked_once_though_the_command_is_decided_twice(stage: Stage) -> None:
    stage.files("giorgi")
    call = stage.calls("giorgi")
    holder, case = stage.holder("giorgi"), stage.cases["giorgi"]
    stage.office.ledger.before_next_append = lambda: stage.commands.give_consent(
        stage.act(holder), case=case, consent=SMS
    )
    stage.when(lambda: stage.clarifies(call, "giorgi")).then("giorgi", "ConsentGiven", "UsernameClarified")


@pytest.mark.parametrize("representatives", [(), None, (MAIA,)])
def test_who_does_not_represent_a_company_activates_nothing_for_it(
    stage: Stage, representatives: tuple[str, ...] | None
) -> None:
    """Not named, and no answer of the registry: neither is a pass."""
    stage.files("company", identification=COMPANY)
    call = stage.calls("company")
    caller = Standing(GIORGI, representatives)
    stage.when(lambda: stage.clarifies(call, "company", caller=caller)).refused(NotARepresentative)


def test_a_director_activates_the_company_unless_the_consultant_is_one_too(stage: Stage) -> None:
    stage.files("company", identification=COMPANY)
    call = stage.calls("company")
    both = Standing(GIORGI, (GIORGI, LALI_HERSELF))
    stage.when(lambda: stage.clarifies(call, "company", caller=both)).refused(OwnRegistration)
    stage.clarifies(call, "company")
    stage.ends_well(call)
    assert stage.state("company") is RegistrationState.ACTIVE


def test_doubt_ends_the_registration_and_frees_its_name(stage: Stage) -> None:
    stage.files("giorgi")
    stage.when(lambda: stage.doubted("giorgi")).then("giorgi", "ActivationRefused")
    assert stage.events("giorgi")[-1].ground is RefusalGround.IDENTITY_DOUBT
    assert stage.who_has("giorgi-beridze") is None
    stage.when(lambda: stage.visits("giorgi")).refused(RegistrationEnded, state=RegistrationState.ACTIVATION_REFUSED)


def test_without_visual_contact_the_bar_closes_and_the_centre_stays_open(stage: Stage) -> None:
    stage.files("giorgi")
    stage.breaks_off("giorgi")
    stage.when(lambda: stage.breaks_off("giorgi")).then("giorgi", "ActivationRefused")
    stage.when(lambda: stage.calls("giorgi")).refused(BarClosedToIt)
    assert stage.who_has("giorgi-beridze") == stage.cases["giorgi"]
    stage.when(lambda: stage.visits("giorgi")).then("giorgi", "VerifiedAtServiceCentre", "Activated")


# At a service centre.


def test_paper_and_document_activate(stage: Stage) -> None:
    stage.files("giorgi")
    stage.files("spare", username="spare-name")
    stage.when(lambda: stage.visits("giorgi"))
    stage.then("giorgi", "VerifiedAtServiceCentre", "Activated").then("spare", "Superseded")
    assert stage.who_has("spare-name") is None


@pytest.mark.parametrize(
    "visit",
    [
        lambda s: s.when(lambda: s.visits("giorgi", consultant=replace(DESK, centre=None))).refused(CentreUnknown),
        lambda s: s.when(lambda: s.visits("giorgi", form_signed=False)).refused(PaperNotSeen),
        lambda s: s.when(lambda: s.visits("giorgi", document_seen=False)).refused(PaperNotSeen),
        lambda s: s.when(lambda: s.visits("giorgi", visitor=Standing(MAIA))).refused(NotARepresentative),
        lambda s: s.when(lambda: s.visits("giorgi", consultant=GIORGIS_DESK)).refused(OwnRegistration),
    ],
)
def test_a_visit_that_proves_too_little_activates_nothing(stage: Stage, visit: Callable[[Stage], None]) -> None:
    stage.files("giorgi")
    visit(stage)
    assert stage.state("giorgi") is RegistrationState.AWAITING_ACTIVATION


def test_one_taxpayer_one_account(stage: Stage) -> None:
    stage.files("first")
    stage.visits("first")
    stage.files("second", username="another-name")
    call = stage.calls("second")
    stage.when(lambda: stage.clarifies(call, "second")).refused(TaxpayerHasAccount)
    stage.when(lambda: stage.visits("second")).refused(TaxpayerHasAccount)
    stage.is_sent_a_link("second")
    stage.when(lambda: stage.opens_the_link("second")).refused(TaxpayerHasAccount)


# By the link.


def test_whoever_files_in_a_victims_name_gains_nothing(stage: Stage) -> None:
    """The attacker knows the password that was filed, number and code; the link goes to the victim."""
    stage.files("attacker", identification=COMPANY, email="attacker@example.org", consents=(SMS,))
    stage.is_sent_a_link("attacker", to="director@company.example")
    attacker = stage.holder("attacker")
    case = stage.cases["attacker"]
    stage.when(lambda: stage.commands.open_link(stage.act(attacker), case=case, password=GOOD)).refused(UnknownCase)
    stage.when(lambda: stage.opens_the_link("attacker"))
    stage.then("attacker", "Activated", "CodeReissued", "ConsentWithdrawn")
    assert stage.registration("attacker").code_issue == 2, "what filing gave opens the case no more"
    assert not stage.registration("attacker").consents, "nothing is sent to the attacker's mobile"
    assert stage.passwords.of(stage.registration("attacker")) == BETTER.text, "the victim's password is what counts"
    assert stage.state("attacker") is RegistrationState.ACTIVE


def test_a_link_works_once_and_for_a_day(stage: Stage) -> None:
    stage.files("giorgi")
    stage.when(lambda: stage.opens_the_link("giorgi")).refused(LinkNotSent)
    stage.is_sent_a_link("giorgi")
    stage.office.later(RULES.link_lasts)
    stage.when(lambda: stage.opens_the_link("giorgi")).refused(LinkNotSent)
    stage.is_sent_a_link("giorgi")
    stage.office.later(RULES.link_lasts - timedelta(seconds=1))
    stage.when(lambda: stage.opens_the_link("giorgi")).then("giorgi", "Activated", "CodeReissued")
    stage.when(lambda: stage.opens_the_link("giorgi")).refused(LinkNotSent)


def test_a_link_for_an_active_registration_resets_the_password(stage: Stage) -> None:
    stage.files("giorgi")
    stage.visits("giorgi")
    stage.is_sent_a_link("giorgi")
    stage.when(lambda: stage.opens_the_link("giorgi")).then("giorgi", "PasswordChanged")
    assert stage.events("giorgi")[-1].route is Route.LINK


def test_a_poor_password_uses_the_link_not_up(stage: Stage) -> None:
    stage.files("giorgi")
    stage.is_sent_a_link("giorgi")
    poor = NewPassword("Password1", "Password1")
    stage.when(lambda: stage.opens_the_link("giorgi", poor)).refused(
        FormRefused, faults=(Fault("password", FaultCode.TOO_COMMON),)
    )
    stage.when(lambda: stage.opens_the_link("giorgi")).then("giorgi", "Activated", "CodeReissued")


def test_this_was_not_me(stage: Stage) -> None:
    stage.files("giorgi")
    stage.when(lambda: stage.disowns("giorgi")).refused(LinkNotSent)
    stage.is_sent_a_link("giorgi")
    stage.when(lambda: stage.disowns("giorgi")).then("giorgi", "ActivationRefused")
    assert stage.who_has("giorgi-beridze") is None
    stage.when(lambda: stage.opens_the_link("giorgi")).refused(LinkNotSent)
    stage.when(lambda: stage.is_sent_a_link("giorgi")).refused(RegistrationEnded)


def test_nobody_sends_links_but_the_office(stage: Stage) -> None:
    stage.files("giorgi")
    case = stage.cases["giorgi"]
    send = stage.commands.send_link
    stage.when(lambda: send(stage.act(stage.holder("giorgi")), case=case, to="x@example.org")).refused(NotForThisRole)


# Once active, and what never was.


def test_the_password_changes_once_active(stage: Stage) -> None:
    stage.files("giorgi")
    case = stage.cases["giorgi"]
    taxpayer = Actor(str(case), Role.TAXPAYER)
    new = NewPassword("Sakhli9-didi", "Sakhli9-didi")
    change = partial(stage.commands.change_password, shown=stage.registration("giorgi").password_of)
    stage.when(lambda: change(stage.act(taxpayer), case=case, password=new)).refused(NotActive)
    stage.visits("giorgi")
    stage.when(lambda: change(stage.act(stage.holder("giorgi")), case=case, password=new)).refused(UnknownCase)
    stage.when(lambda: change(stage.act(taxpayer), case=case, password=new)).then("giorgi", "PasswordChanged")


def test_what_nobody_activates_is_warned_of_and_expires(stage: Stage) -> None:
    stage.files("giorgi")
    last = stage.today + timedelta(days=30)
    stage.when(lambda: stage.is_warned("giorgi")).refused(ExpiryNotDue, not_before=last - timedelta(days=7))
    stage.go_to(last + timedelta(days=3))
    stage.when(lambda: stage.expires("giorgi")).refused(ExpiryNotWarned)
    stage.when(lambda: stage.is_warned("giorgi")).then("giorgi", "ExpiryWarned")
    stage.when(lambda: stage.is_warned("giorgi")).refused(ExpiryAlreadyWarned, expires_after=last + timedelta(days=10))
    stage.go_to(last + timedelta(days=10))
    stage.when(lambda: stage.expires("giorgi")).refused(ExpiryNotDue, not_before=last + timedelta(days=11))
    stage.go_to(last + timedelta(days=11))
    stage.when(lambda: stage.expires("giorgi")).then("giorgi", "Expired")
    assert stage.who_has("giorgi-beridze") is None


# The registry.


class Silent:
    """A public registry that does not answer."""

    def find(self, identification: str) -> Entry | None:
        raise PublicRegistryUnavailable


def test_a_registry_that_does_not_answer_makes_nobody_a_representative(stage: Stage) -> None:
    stage.files("company", identification=COMPANY)
    visitor = Standing(GIORGI, representatives(Silent(), COMPANY))
    stage.when(lambda: stage.visits("company", visitor=visitor)).refused(NotARepresentative)


# Siblings.


def test_siblings_are_found_and_filing_asks_one_question_whoever_is_known(stage: Stage) -> None:
    asked: list[int] = []
    find_all = stage.office.ledger.find_addresses
    stage.office.ledger.find_addresses = lambda kind, values: asked.append(len(values)) or find_all(kind, values)
    for number in range(3):
        stage.files(f"filing-{number}", username=f"name-number-{number}")
    stage.files("maia", username="maia-maisuradze", identification=MAIA)
    assert asked == [SLOTS] * 4, "one for each that was filed"
    siblings = stage.commands.siblings
    found = {who: siblings.pending(who) for who in (GIORGI, MAIA, COMPANY)}
    assert [len(found[who]) for who in (GIORGI, MAIA, COMPANY)] == [3, 1, 0]
    stage.visits("filing-1")
    assert siblings.pending(GIORGI) == ()


def test_two_forms_filed_at_once_for_one_taxpayer_are_both_found(stage: Stage) -> None:
    stage.office.ledger.before_next_append = lambda: stage.files("second", username="second-name")
    stage.files("first", username="first-name")
    assert set(stage.commands.siblings.pending(GIORGI)) == {stage.cases["first"], stage.cases["second"]}


def test_more_forms_than_one_question_holds_are_found_all_the_same(stage: Stage) -> None:
    for number in range(SLOTS + 2):
        stage.files(f"filing-{number}", username=f"name-number-{number}")
    assert len(stage.commands.siblings.pending(GIORGI)) == SLOTS + 2
    stage.visits("filing-3")
    assert stage.state(f"filing-{SLOTS + 1}") is RegistrationState.SUPERSEDED


def test_forms_behind_a_slot_that_was_left_are_found_all_the_same(stage: Stage) -> None:
    for number in range(SLOTS + 2):
        stage.files(f"filing-{number}", username=f"name-number-{number}")
    stage.is_sent_a_link("filing-3")
    stage.disowns("filing-3")
    stage.is_to_be_erased("filing-3")
    stage.leads_nowhere("filing-3")
    assert stage.cases[f"filing-{SLOTS + 1}"] in stage.commands.siblings.pending(GIORGI)


@pytest.mark.parametrize("way", ["a call", "a visit", "a link"])
def test_one_transaction_ends_the_newest_and_what_it_leaves_over_ends_in_batches(stage: Stage, way: str) -> None:
    """Whoever files in another's name makes no activation larger, and gains no time for any form."""
    others = [f"filing-{number}" for number in range(3 * AT_ONCE)]
    for name in others:
        stage.files(name, username=f"{name}-of-somebody")
    stage.files("giorgi", username="giorgis-own-name")
    stage.is_sent_a_link("giorgi")
    before = len(stage.office.told())
    {"a call": stage.seen, "a visit": stage.visits, "a link": stage.opens_the_link}[way]("giorgi")
    told = stage.office.told()[before:]
    assert told.count("Superseded") == told.count("Released") <= AT_ONCE
    assert stage.left_over.noted == [stage.cases["giorgi"]]
    waiting = [name for name in others if stage.state(name) is RegistrationState.AWAITING_ACTIVATION]
    assert waiting == others[: len(waiting)], "the newest end first"
    stage.when(lambda: stage.visits(waiting[-1])).refused(TaxpayerHasAccount)
    assert stage.ends_left_over("giorgi") == 3
    assert {stage.state(name) for name in others} == {RegistrationState.SUPERSEDED}
    assert {stage.who_has(f"{name}-of-somebody") for name in others} == {None}


def test_what_was_noted_before_an_activation_that_never_came_ends_nothing(stage: Stage) -> None:
    stage.files("other", username="other-name")
    stage.files("giorgi")
    case, others = stage.cases["giorgi"], [stage.cases["other"]]
    stage.when(lambda: stage.commands.supersede(stage.act(DEADLINES), case=case, others=others)).refused(NotActive)
    stage.visits("other")
    stage.files("maia", username="maia-maisuradze", identification=MAIA)
    living = stage.cases["other"]
    of_maia = [stage.cases["maia"], case]
    stage.when(lambda: stage.commands.supersede(stage.act(DEADLINES), case=living, others=of_maia)).then("maia")
    holder = stage.act(stage.holder("other"))
    stage.when(lambda: stage.commands.supersede(holder, case=living, others=of_maia)).refused(NotForThisRole)


def test_who_files_while_the_call_lasts_does_not_outlive_it(stage: Stage) -> None:
    stage.files("giorgi")
    call = stage.calls("giorgi")
    stage.clarifies(call, "giorgi")
    stage.files("attacker", username="another-name")
    stage.ends_well(call)
    assert stage.state("attacker") is RegistrationState.SUPERSEDED
    assert stage.who_has("another-name") is None


def test_what_one_consultant_clarified_no_other_ends(stage: Stage) -> None:
    """The call was taken back and claimed by the very taxpayer, who serves at the bar, too."""
    stage.files("giorgi")
    call = stage.calls("giorgi")
    stage.clarifies(call, "giorgi")
    stage.office.later(timedelta(hours=5))
    stage.bar.take_back(stage.act(DEADLINES), call=call)
    assert stage.calls("giorgi", ZURAB) == call
    stage.when(lambda: stage.ends_well(call, ZURAB)).refused(NotClarified)
    assert stage.state("giorgi") is RegistrationState.AWAITING_ACTIVATION


def test_what_was_clarified_before_a_break_off_holds_for_no_later_sitting(stage: Stage) -> None:
    """Somebody else may come back to the camera, and be called in by the same consultant."""
    stage.files("giorgi")
    call = stage.calls("giorgi")
    stage.clarifies(call, "giorgi")
    stage.bar.break_off(stage.act(LALI), call=call, reason=BreakOff.NO_PICTURE)
    assert stage.calls("giorgi") == call
    stage.when(lambda: stage.ends_well(call)).refused(NotClarified)
    stage.clarifies(call, "giorgi")
    stage.when(lambda: stage.ends_well(call)).then("giorgi", "VideoVerified", "Activated")


# Passwords.


def test_the_password_of_a_command_that_did_not_come_to_pass_counts_for_nothing(stage: Stage) -> None:
    stage.files("giorgi")
    stage.visits("giorgi")
    taxpayer = stage.act(Actor(str(stage.cases["giorgi"]), Role.TAXPAYER))
    shown = stage.registration("giorgi").password_of
    change = partial(stage.commands.change_password, taxpayer, case=stage.cases["giorgi"], shown=shown, password=BETTER)

    def die() -> None:
        raise ConnectionError

    stage.office.ledger.before_next_append = die
    with pytest.raises(ConnectionError):
        change()
    registration = stage.registration("giorgi")
    assert stage.passwords.kept[registration.id, taxpayer.command] == BETTER.text, "kept before the event"
    assert stage.passwords.of(registration) == GOOD.text, "and the one before still counts"
    change()
    assert stage.passwords.of(stage.registration("giorgi")) == BETTER.text


def test_a_stolen_password_changes_nothing_once_the_link_reset_it(stage: Stage) -> None:
    """Also if it was shown before, and the reset comes between the decision and its append."""
    stage.files("giorgi")
    stage.visits("giorgi")
    stage.is_sent_a_link("giorgi")
    stolen, thiefs = stage.registration("giorgi").password_of, NewPassword("Kliavi9-lurji", "Kliavi9-lurji")
    stage.office.ledger.before_next_append = lambda: stage.opens_the_link("giorgi")
    with pytest.raises(CurrentPasswordWrong):
        stage.changes_the_password("giorgi", thiefs, shown=stolen)
    assert stage.passwords.of(stage.registration("giorgi")) == BETTER.text
    stage.when(lambda: stage.changes_the_password("giorgi", thiefs, shown=stolen)).refused(CurrentPasswordWrong)


def test_activating_at_a_desk_keeps_the_password_of_the_form(stage: Stage) -> None:
    stage.files("giorgi")
    stage.visits("giorgi")
    assert stage.passwords.of(stage.registration("giorgi")) == GOOD.text
