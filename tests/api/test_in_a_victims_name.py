"""Two who gain nothing: whoever files in somebody else's name, and a program that opens every link in a mail."""

import re
from uuid import UUID

import pytest
from neighbours import HTTP
from taxpayers import PASSWORD, begun, form

from domain.number import group_code
from domain.taxpayer.registration import Registration

VICTIM, VICTIMS_MAIL = "01026004437", "elene.orbeliani@example.org"
READER, READERS_MAIL = "17001031125", "khatuna.mikadze@example.org"
"""Numbers, and the mail that the public registry holds for them: nobody types it."""
TAKER, TAKERS_MAIL = "61001072216", "nato.varshanidze@example.org"
OUT = "WRONG_NUMBER_OR_CODE"
BY_SMS = {"kind": "OBLIGATIONS_BY_SMS", "version": "v1", "language": "KA"}
MINE = "Gori-19411941"


def files(at, identification, username, consents=()):
    """Somebody files for this number with a mobile and an address of their own: the client, the answer, the form."""
    client, confirmed = begun(at)
    asked = form(confirmed, identification=identification, username=username)
    answer = client.do("RegisterTaxpayer", form=asked, consents=list(consents))
    client.token = None
    return client, answer, asked


def link_of(at, mail, username):
    """The token that the newest mail gives for a username."""
    text = at.sandbox.mails(mail)[-1]["text"]
    return re.search(rf"{re.escape(username)}[^#]*#(\S+)", text)[1]


def asks_for_link(at, identification):
    """Anybody does, and the office looks into it, once it has done with what others asked for."""
    at.house.links.send()
    at.client().do("SendActivationLink", identification=identification)
    return at.house.links.send()


def signs_in(at, username, password):
    """What signing in answers: a session, or why not."""
    told = at.client().ask("SignIn", input={"username": username, "password": password, "bearer": True})
    return told.get("session") or told["code"]


def events(at, answer):
    return [type(event).__name__ for event in at.house.office.history(UUID(answer["case"]))]


def written_to(at, mail):
    """The kinds of mail that somebody got, but for what confirmed their address."""
    at.house.notices().run_once()
    kinds = [each["message_id"].strip("<").partition("@")[0].split(".")[-1] for each in at.sandbox.mails(mail, wait=0)]
    return [kind for kind in kinds if not re.fullmatch("[0-9a-f]{32}", kind)]


def test_who_files_in_a_victims_name_gains_nothing_and_tells_the_victim(at):
    attacker, filed, theirs = files(at, VICTIM, "elene-orbeliani")
    _, own, asked = files(at, VICTIM, "orbeliani.e".replace(".", "-"))

    assert signs_in(at, theirs["username"], PASSWORD) == "WRONG_USERNAME_OR_PASSWORD"
    assert asks_for_link(at, VICTIM) == 1
    assert written_to(at, theirs["email"]) == ["registration_filed"], "a link goes to no address that was typed"
    shown = attacker.ask("Status", number=filed["number"], code=filed["code"])
    assert VICTIMS_MAIL not in str(shown)
    assert shown["link"]["to"].endswith(".org")
    assert "•" in shown["link"]["to"]
    for guess in (filed["number"], filed["code"], filed["case"], filed["token"], "", "x" * 43):
        told = attacker.ask("ActivateByLink", input={"token": guess, "password": MINE, "repeatedPassword": MINE})
        assert told["code"] == "LINK_NOT_SENT"

    victim = at.client()
    not_mine, mine = (link_of(at, VICTIMS_MAIL, name) for name in (theirs["username"], asked["username"]))
    victim.do("DisownRegistration", token=not_mine)
    victim.do("ActivateByLink", token=mine, password=MINE, repeatedPassword=MINE)
    assert events(at, filed)[-1] == "ActivationRefused"
    assert events(at, own)[-2:] == ["Activated", "CodeReissued"]
    assert signs_in(at, theirs["username"], PASSWORD) == "WRONG_USERNAME_OR_PASSWORD"
    assert signs_in(at, asked["username"], PASSWORD) == "WRONG_USERNAME_OR_PASSWORD"
    assert len(signs_in(at, asked["username"], MINE)) > 30

    _, again, once_more = files(at, VICTIM, theirs["username"])
    assert asks_for_link(at, VICTIM) == 1
    assert "new password" in at.sandbox.mails(VICTIMS_MAIL)[-1]["text"]
    assert theirs["username"] not in at.sandbox.mails(VICTIMS_MAIL)[-1]["text"]
    assert events(at, again)[-1] == "ActivationLinkSent", "the form's look-up tells nobody that there is an account"
    assert signs_in(at, once_more["username"], PASSWORD) == "WRONG_USERNAME_OR_PASSWORD"


def test_a_victim_who_takes_what_the_attacker_filed_has_it_for_themselves(at):
    _, _, theirs = files(at, READER, "khatuna-mikadze")
    asks_for_link(at, READER)
    at.client().do(
        "ActivateByLink", token=link_of(at, READERS_MAIL, "khatuna-mikadze"), password=MINE, repeatedPassword=MINE
    )
    assert signs_in(at, "khatuna-mikadze", PASSWORD) == "WRONG_USERNAME_OR_PASSWORD", "the form's password is nobody's"
    session = signs_in(at, "khatuna-mikadze", MINE)
    changed = at.client()
    changed.token = session
    changed.do("ChangePassword", currentPassword=MINE, password="Telavi-1762", repeatedPassword="Telavi-1762")
    earlier = len(at.sandbox.mails(READERS_MAIL))
    assert written_to(at, theirs["email"]) == ["registration_filed"], "what follows is told to whom the registry knows"
    assert written_to(at, READERS_MAIL)[earlier - 1 :][-3:] == [
        "activated", "registration_code_reissued", "password_changed",
    ]  # fmt: skip


def test_who_filed_what_a_victim_took_is_out_of_the_case_and_its_consents_have_ended(at):
    """Number and code were theirs from filing on: another code is in force, and it goes where they do not read."""
    attacker, filed, theirs = files(at, TAKER, "nato-varshanidze", [BY_SMS])
    known = {"number": filed["number"], "code": filed["code"]}
    asks_for_link(at, TAKER)
    assert attacker.ask("Status", **known)["consents"]
    token = link_of(at, TAKERS_MAIL, "nato-varshanidze")
    at.client().do("ActivateByLink", token=token, password=MINE, repeatedPassword=MINE)
    assert events(at, filed)[-3:] == ["Activated", "CodeReissued", "ConsentWithdrawn"]
    assert attacker.ask("Status", **known)["code"] == OUT
    for name, more in (
        ("GiveConsent", {"consent": BY_SMS}),
        ("WithdrawConsent", {"kind": BY_SMS["kind"]}),
        ("ReissueCode", {}),
        ("EnterBar", {"consent": "v1", "camera": True, "microphone": True}),
    ):
        assert at.client().refused(name, **known, **more) == OUT, name

    new = group_code(at.house.taxpayer.code_of(UUID(filed["case"])))
    assert written_to(at, TAKERS_MAIL) == ["activation_link", "activated", "registration_code_reissued"]
    assert new in at.sandbox.mails(TAKERS_MAIL)[-1]["text"]
    at.client().do("ResendCode", number=filed["number"], email=theirs["email"])
    at.client().do("ResendCode", number=filed["number"], email=TAKERS_MAIL)
    newest = {"to": TAKERS_MAIL, "after": at.sandbox.mails(TAKERS_MAIL)[2]["id"], "wait": 10}
    assert new in at.sandbox.ask("GET", "/mailbox/messages", params=newest).json()["messages"][-1]["text"]
    assert written_to(at, theirs["email"]) == ["registration_filed"]
    status = at.client().ask("Status", number=filed["number"], code=new)
    assert (status["registrationState"], status["consents"]) == ("ACTIVE", [])


SCANNING = [
    ("GET", {}),
    ("HEAD", {}),
    ("OPTIONS", {}),
    ("GET", {"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender"}),
    ("GET", {"X-Moz": "prefetch"}),
    ("GET", {"User-Agent": "Mozilla/5.0 (compatible; SafeLinks)", "Range": "bytes=0-1023"}),
]
"""What programs that look into mails, and browsers ahead of their users, send."""


@pytest.mark.parametrize("times", [3])
def test_a_scanner_that_opens_every_link_in_a_mail_uses_nothing_up(at, times):
    identification = "54001022119"
    _, answer, asked = files(at, identification, "zurab-nadiradze")
    asks_for_link(at, identification)
    mail = at.sandbox.mails("zurab.nadiradze@example.org")[-1]
    links = re.findall(r"https?://\S+", mail["text"]) + re.findall(r'href="([^"]+)"', mail["html"])
    assert any("#" in link for link in links)
    before = events(at, answer)
    for _ in range(times):
        for link in links:
            for method, headers in SCANNING:
                there = link.replace("localhost", "127.0.0.1")
                assert HTTP.request(method, there, headers=headers).status_code in (200, 405), (method, there)
    token = link_of(at, "zurab.nadiradze@example.org", asked["username"])
    for _ in range(times):  # one that runs the page's script shows itself what the link is for
        assert at.client().ask("OpenActivationLink", token=token)["username"] == asked["username"]
    assert events(at, answer) == before
    assert at.house.office.load(Registration, UUID(answer["case"])).link_until is not None
    at.client().do("ActivateByLink", token=token, password=MINE, repeatedPassword=MINE)
    assert events(at, answer)[-2:] == ["Activated", "CodeReissued"]
