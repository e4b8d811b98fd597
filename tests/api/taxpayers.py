"""What taxpayers and consultants do at the window, each from an address of their own."""

import itertools
import re
from uuid import uuid4

from window import checks, keyed, mailed_code, met

PERSON = "01008012345"
"""Nino Maisuradze, whom both registries of the sandbox know."""
PASSWORD = "Tbilisi-2026"

_mobiles = itertools.count(555_200_000)


def texted_code(window, mobile):
    """The six digits in the newest short message."""
    return re.search(r"\b[0-9]{6}\b", window.sandbox.texts(mobile)[-1]["text"])[0]


def begun(window, email=None, mobile=None):
    """Somebody with a draft whose mobile and e-mail address are confirmed."""
    email = email or f"taxpayer-{uuid4().hex[:8]}@example.org"
    mobile = mobile or f"+995{next(_mobiles)}"
    client = window.client()
    client.token = client.do("OpenDraft", bearer=True)["token"]
    client.do("RequestMobileCode", mobile=mobile)
    client.do("ConfirmMobile", mobile=mobile, code=texted_code(window, mobile))
    client.do("RequestEmailCode", email=email)
    client.do("ConfirmEmail", email=email, code=mailed_code(window, email))
    return client, {"email": email, "mobile": mobile}


def form(confirmed, **changed):
    """A registration form without fault."""
    return {
        "username": f"nino-{uuid4().hex[:10]}",
        "identification": PERSON,
        "password": PASSWORD,
        "repeatedPassword": PASSWORD,
        "language": "EN",
        **confirmed,
        **changed,
    }


def filed(window, **changed):
    """Somebody who registered: the client, what was answered, and the form."""
    client, confirmed = begun(window)
    asked = form(confirmed, **changed)
    answer = client.do("RegisterTaxpayer", form=asked)
    client.token = None
    return client, answer, asked


def declared(asked, **changed):
    """Who calls, as the civil registry knows them."""
    return {
        "firstName": "ნინო",
        "surname": "მაისურაძე",
        "personalNumber": PERSON,
        "mobile": asked["mobile"],
        **changed,
    }


def entered(client, answer, asked, **changed):
    """In the queue of the taxpayers' bar."""
    consent = client.ask("Office")["taxpayer"]["bar"]["consent"]
    return client.do(
        "EnterBar", **keyed(answer), consent=consent, camera=True, microphone=True, declared=declared(asked, **changed)
    )


def called_in(window, client, answer, asked, consultant="consultant", **changed):
    """In a call with a consultant, both sides there: what entering answered, and the consultant's client."""
    waiting = entered(client, answer, asked, **changed)
    desk = window.staff(consultant)
    assert desk.do("ClaimNextCall")["call"] == waiting["call"]
    met(window, waiting, desk)
    return waiting, desk


def compared(desk, waiting):
    """Every check passed, and the will in words."""
    return desk.do("RecordChecks", call=waiting["call"], checks=checks(), will="She asks for e-services.")


def clarified(window, desk, waiting, asked, kept):
    """The code was sent to ``kept``, whose form was ``asked``, and read out: it is to live."""
    desk.do("SendReadOutCode", call=waiting["call"], kept=kept)
    code = texted_code(window, asked["mobile"])
    return desk.do("ClarifyUsername", call=waiting["call"], kept=kept, code=code)


def linked(window, identification, to):
    """The secret of the newest link that was mailed to the registry's address ``to``."""
    mail = window.sandbox.mails(to)[-1]
    return re.search(r"/activate#([!-~]+)", mail["text"])[1]
