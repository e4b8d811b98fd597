"""Activation links: who gets one, that nothing is lost while a neighbour is away, and kills at every step."""

import re
from uuid import uuid4

import pytest
from consumer_taxpayers import GIORGI, NINO, PASSWORD, REGISTERED_EMAIL, Taxpayers

from consumers.duties import Later
from domain.language import Language
from domain.people import Actor, Role
from domain.taxpayer.refusals import LinkNotSent, TaxpayerHasAccount
from domain.taxpayer.state import RegistrationState

DECEASED, WITHOUT_EMAIL, STRUCK_OFF, UNKNOWN = "12001044556", "01017055667", "205118890", "01999999999"


@pytest.fixture
def taxpayers(at):
    return Taxpayers(at)


@pytest.fixture
def mailbox(sandbox):
    """The mails to whom the registry knows, that came since the test began."""
    earlier = {to: len(sandbox.mails(to, wait=0)) for to in REGISTERED_EMAIL.values()}
    return lambda identification=NINO: sandbox.mails(to := REGISTERED_EMAIL[identification], wait=0)[earlier[to] :]


def links(mail):
    """The tokens that a mail holds."""
    found = re.findall(r"/activate#(\S+)", mail["text"])
    assert re.findall(r'/activate#([^"]+)"', mail["html"]) == found
    return found


def requests(at):
    """How many requests wait."""
    return at.house.link_requests.waiting()


def due_again(at):
    with at.house.pool.connection() as db:
        db.execute("UPDATE housekeeping.link_request SET next_at = now()")


def test_one_mail_lists_every_registration_that_awaits_each_with_a_link_of_its_own(at, taxpayers, mailbox):
    first, second = taxpayers.files(username="pirveli-saxeli"), taxpayers.files(username="მეორესახელი")
    taxpayers.files(GIORGI)
    taxpayers.asks_for_link(language=Language.KA)
    assert at.house.links.send() == 1
    (mail,) = mailbox()
    assert mail["language"] == "ka"
    assert [at.house.link_tokens.find(token) for token in links(mail)] == [first, second]
    assert "pirveli-saxeli" in mail["text"]
    assert "მეორესახელი" in mail["text"]
    for case in (first, second):
        sent = at.office.history(case)[-1]
        assert (type(sent).__name__, sent.to) == ("ActivationLinkSent", REGISTERED_EMAIL[NINO])
    assert mailbox(GIORGI) == []
    assert requests(at) == 0


def test_a_link_opened_activates_one_and_ends_the_others(at, taxpayers, mailbox):
    left, kept = taxpayers.files(), taxpayers.files()
    taxpayers.asks_for_link()
    at.house.links.send()
    of_left, of_kept = links(mailbox()[0])
    assert taxpayers.opens(of_kept) == kept
    with pytest.raises(TaxpayerHasAccount):
        taxpayers.opens(of_left)
    assert taxpayers.story(kept) == ["ActivationLinkSent", "Activated", "CodeReissued"]
    assert taxpayers.story(left) == ["ActivationLinkSent", "Superseded"]
    assert at.house.link_tokens.find(of_kept) is None, "used once"
    taxpayers.asks_for_link()
    at.house.links.send()
    (again,) = links(mailbox()[1])
    assert "new password" in mailbox()[1]["text"]
    assert taxpayers.opens(again) == kept
    assert taxpayers.story(kept)[-2:] == ["ActivationLinkSent", "PasswordChanged"]
    assert taxpayers.registration(left).state is RegistrationState.SUPERSEDED


def test_the_look_up_of_a_form_does_not_tell_that_its_taxpayer_has_an_account(at, taxpayers, mailbox):
    account = taxpayers.files()
    taxpayers.asks_for_link()
    at.house.links.send()
    taxpayers.opens(links(mailbox()[0])[0])
    form = taxpayers.files()
    taxpayers.asks_for_link()
    at.house.links.send()
    letter = mailbox()[1]
    assert "new password" in letter["text"]
    assert [at.house.link_tokens.find(token) for token in links(letter)] == [account]
    assert taxpayers.story(form) == ["ActivationLinkSent"], "as for a taxpayer without an account"
    assert taxpayers.registration(form).link_until is not None


def test_a_stranger_who_asks_again_cuts_no_link_short_and_revives_none(at, taxpayers, mailbox):
    case = taxpayers.files()
    for _ in range(2):
        taxpayers.asks_for_link()
        at.house.links.send()
    first, second = (links(mail)[0] for mail in mailbox())
    assert at.house.link_tokens.find(first) == at.house.link_tokens.find(second) == case
    act = at.office.act(Actor(str(case), Role.ADDRESSEE), "activateByLink")
    at.house.taxpayer.open_link(act, case=case, password=PASSWORD)  # and dies before it notes that the token is spent
    taxpayers.asks_for_link()
    at.house.links.send()
    (third,) = links(mailbox()[2])
    assert [at.house.link_tokens.find(token) for token in (first, second, third)] == [None, None, case]


@pytest.mark.parametrize("identification", [DECEASED, WITHOUT_EMAIL, STRUCK_OFF, UNKNOWN])
def test_whom_the_registry_gives_no_address_gets_no_link_wherever_the_form_says(at, taxpayers, sandbox, identification):
    typed = f"typed.{uuid4().hex[:8]}@example.org"
    case = taxpayers.files(identification, email=typed)
    taxpayers.asks_for_link(identification)
    assert (at.house.links.send(), requests(at)) == (0, 0)
    assert taxpayers.story(case) == []
    assert sandbox.mails(typed, wait=0) == []


def test_who_filed_nothing_gets_no_mail_and_the_request_is_gone(at, taxpayers, mailbox):
    taxpayers.asks_for_link()
    assert (at.house.links.send(), requests(at), mailbox()) == (0, 0, [])


def test_while_the_registry_is_down_requests_wait_and_are_answered_once(at, taxpayers, sandbox, mailbox):
    cases = [taxpayers.files(), taxpayers.files(GIORGI)]
    taxpayers.asks_for_link()
    taxpayers.asks_for_link(GIORGI)
    sandbox.ask("POST", "/public-registry/behaviour", json={"mode": "failing", "times": 100})
    assert at.house.links.send() == 0
    assert [taxpayers.story(case) for case in cases] == [[], []]
    due_again(at)
    taxpayers.asks_for_link(UNKNOWN)
    with pytest.raises(Later):
        at.house.links.send()
    sandbox.ask("POST", "/public-registry/behaviour", json={"mode": "ok"})
    del at.house.public_registry  # a new process: its circuit to the registry is closed
    due_again(at)
    assert at.house.links.send() == 2
    assert (len(mailbox()), len(mailbox(GIORGI)), requests(at)) == (1, 1, 0)


def test_while_the_mail_server_is_busy_the_link_waits_and_opens_when_it_comes(at, taxpayers, sandbox, mailbox):
    case = taxpayers.files()
    taxpayers.asks_for_link()
    sandbox.ask("POST", "/mailbox/behaviour", json={"mode": "busy", "times": 1})
    assert (at.house.links.send(), mailbox(), requests(at)) == (0, [], 1)
    due_again(at)
    assert (at.house.links.send(), requests(at)) == (1, 0)
    (token,) = links(mailbox()[0])
    assert taxpayers.story(case) == ["ActivationLinkSent"]
    assert taxpayers.opens(token) == case


def test_a_link_that_waited_for_half_its_time_is_sent_anew_and_opens_for_all_of_it(at, taxpayers, sandbox, mailbox):
    case = taxpayers.files()
    taxpayers.asks_for_link()
    sandbox.ask("POST", "/mailbox/behaviour", json={"mode": "busy", "times": 1})
    at.house.links.send()
    until = taxpayers.registration(case).link_until
    at.days_pass(0.6)
    due_again(at)
    at.house.links.send()
    assert taxpayers.story(case) == ["ActivationLinkSent", "ActivationLinkSent"]
    assert (taxpayers.registration(case).link_until - until).total_seconds() > 0.5 * 86400
    assert len(mailbox()) == 1


def test_an_address_that_the_mail_server_refuses_for_good_ends_the_request(at, taxpayers, sandbox):
    taxpayers.files()
    taxpayers.asks_for_link()
    sandbox.ask("POST", "/mailbox/behaviour", json={"mode": "refusing", "times": 1})
    assert (at.house.links.send(), requests(at)) == (0, 0)


def test_a_mistake_about_one_request_is_loud_and_holds_up_no_other(at, taxpayers, mailbox, capsys):
    taxpayers.files()
    taxpayers.files(GIORGI)
    taxpayers.asks_for_link()
    taxpayers.asks_for_link(GIORGI)
    consumer = at.house.links
    find = consumer.registry.find

    class Mistaken:
        def find(self, identification):
            if identification == NINO:
                raise KeyError(identification)
            return find(identification)

    consumer.registry = Mistaken()
    assert consumer.send() == 1
    assert (len(mailbox(GIORGI)), mailbox(), requests(at)) == (1, [], 1)
    said = capsys.readouterr().out
    assert "KeyError" in said


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the process's own comes after it."""


STEPS = [
    ("registry", "find"), ("commands", "send_link"), ("tokens", "issue"), ("mail", "send"), ("requests", "done"),
]  # fmt: skip


def killed_at(monkeypatch, consumer, part, step, after=False):
    """The consumer is killed before or after this step of its first request."""
    whole = getattr(getattr(consumer, part), step)

    def killed(*asked, **named):
        if after:
            whole(*asked, **named)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(getattr(consumer, part), step, killed)
        with pytest.raises(Killed):
            consumer.send()


def test_a_kill_at_any_step_repeats_at_most_one_mail_with_the_same_links(at, taxpayers, sandbox, monkeypatch):
    kills = [(part, step, after) for part, step in STEPS for after in (False, True)]
    for (part, step, after), (person, email) in zip(kills, REGISTERED_EMAIL.items(), strict=False):
        earlier = len(sandbox.mails(email, wait=0))
        cases = [taxpayers.files(person), taxpayers.files(person)]
        taxpayers.asks_for_link(person, address=f"198.51.100.{len(email)}")
        killed_at(monkeypatch, at.house.links, part, step, after)
        due_again(at)
        at.house.links.send()
        mails = sandbox.mails(email, wait=0)[earlier:]
        assert len(mails) == 1 + ((step, after) in {("send", True), ("done", False)}), (step, after)
        assert len({mail["message_id"] for mail in mails}) == 1
        assert len({tuple(links(mail)) for mail in mails}) == 1
        assert [taxpayers.story(case) for case in cases] == [["ActivationLinkSent"]] * 2
        assert requests(at) == 0
        assert taxpayers.opens(links(mails[0])[0]) == cases[0], "whichever mail came twice, its link opens"


def test_a_mail_that_is_repeated_after_its_link_was_used_revives_nothing(at, taxpayers, mailbox, monkeypatch):
    case = taxpayers.files()
    taxpayers.asks_for_link()
    killed_at(monkeypatch, at.house.links, "requests", "done")
    (token,) = links(mailbox()[0])
    taxpayers.opens(token)
    due_again(at)
    assert at.house.links.send() == 0
    assert at.house.link_tokens.find(token) is None
    act = at.office.act(at.holder(case), "x")
    with pytest.raises(LinkNotSent):
        taxpayers.registration(case).open_link(act, 1)


def test_the_request_is_gone_from_the_table_with_its_number(at, taxpayers):
    taxpayers.asks_for_link(UNKNOWN)
    with at.house.pool.connection() as db:
        (row,) = db.execute("SELECT * FROM housekeeping.link_request").fetchall()
        assert UNKNOWN not in str(row)
        assert not any(isinstance(value, bytes) and UNKNOWN.encode() in value for value in row)
    at.house.links.send()
    with at.house.pool.connection() as db:
        assert db.execute("SELECT count(*) FROM housekeeping.link_request").fetchone() == (0,)
