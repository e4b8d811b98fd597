"""The taxpayer service's stories whose events are kept in `stored/`: together they hold every event class of it."""

from __future__ import annotations

from datetime import timedelta

from taxpayer_stage import COMPANY, DIRECTORS, GIORGI, LALI, MAIA, Stage

from domain.consents import Consent, ConsentKind
from domain.erasure import LegalGround
from domain.language import Language
from domain.videobar.terms import BreakOff, Declared

SMS = Consent(ConsentKind.OBLIGATIONS_BY_SMS, "v1", Language.KA)
MAIL = Consent(ConsentKind.MESSAGES_BY_EMAIL, "v1", Language.EN)


def activated(stage: Stage) -> Stage:
    """By all three ways: a person seen at the bar, who had filed twice; a company at a centre; another by its link."""
    stage.files("first", consents=(SMS, MAIL))
    case, holder = stage.cases["first"], stage.holder("first")
    stage.commands.withdraw_consent(stage.act(holder), case=case, kind=ConsentKind.OBLIGATIONS_BY_SMS)
    stage.commands.reissue_code(stage.act(holder), case=case)
    stage.files("second", username="მეორე-სახელი")
    stage.office.later(timedelta(hours=1))
    call = stage.calls("first", declared=Declared("Giorgi", "Beridze", GIORGI, "+995555123456"))
    stage.clarifies(call, "second")
    stage.ends_well(call)

    stage.files("company", username="company-name", identification=COMPANY, language=Language.EN)
    stage.visits("company", visitor=stage.standing(MAIA, DIRECTORS))
    stage.is_sent_a_link("company")
    stage.opens_the_link("company")
    stage.office.later(timedelta(days=1))

    stage.files("maia", username="maia-maisuradze", identification=MAIA, mobile="599000001")
    stage.is_sent_a_link("maia", to="maia@registry.example")
    stage.opens_the_link("maia")
    stage.changes_the_password("maia")
    return stage


def seen_again(stage: Stage) -> Stage:
    """Clarified, broken off, clarified anew in the next sitting; another's consents and code end by the link."""
    stage.files("seen")
    call = stage.calls("seen")
    stage.clarifies(call, "seen")
    stage.bar.break_off(stage.act(LALI), call=call, reason=BreakOff.NO_PICTURE)
    stage.calls("seen")
    stage.clarifies(call, "seen")
    stage.ends_well(call)
    stage.files("maia", username="maia-maisuradze", identification=MAIA, mobile="599000001", consents=(SMS, MAIL))
    stage.is_sent_a_link("maia", to="maia@registry.example")
    stage.opens_the_link("maia")
    return stage


def not_activated(stage: Stage) -> Stage:
    """Doubted, disowned, never seen for want of a picture, expired after a warning; a freed name is taken again."""
    stage.files("doubted")
    stage.doubted("doubted")
    stage.queue.entered.clear()
    stage.files("disowned")
    stage.is_sent_a_link("disowned")
    stage.disowns("disowned")
    stage.files("unseen", username="another-name", identification=COMPANY)
    stage.breaks_off("unseen")
    stage.breaks_off("unseen")
    stage.office.later(timedelta(days=25))
    stage.is_warned("unseen")
    stage.office.later(timedelta(days=9))
    stage.expires("unseen")
    return stage


def forgotten(stage: Stage) -> Stage:
    """A call given up, disowned, erased at the person's wish; an account erased because no law asks for it any more."""
    stage.files("giorgi")
    stage.calls("giorgi")
    stage.is_sent_a_link("giorgi")
    stage.disowns("giorgi")
    stage.files("maia", username="maia-maisuradze", identification=MAIA)
    stage.visits("maia", visitor=stage.standing(MAIA))
    stage.office.later(timedelta(days=30))
    stage.is_to_be_erased("giorgi")
    stage.is_erased("giorgi")
    stage.is_to_be_erased("maia", LegalGround.RETENTION_OVER)
    stage.is_erased("maia")
    return stage
