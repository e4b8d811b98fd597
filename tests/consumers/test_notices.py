"""The notices consumer on the real ledger, through the sandbox's mail server, well and badly behaved."""

import re
import threading
from contextlib import closing, contextmanager
from uuid import uuid4

import psycopg
import pytest

import texts
from consumers.compatriot.letters import KINDS
from domain.language import Language
from domain.number import group_code, group_number
from housekeeping import notices as outbox
from housekeeping.followers import FollowerLost
from ledger.keys import KeyStore
from ledger.recorded import Undecodable
from sarkmeli.failures import told
from sarkmeli.house import open_house
from sarkmeli.roles import DbRole


@pytest.fixture
def somebody():
    """An address that no other test writes to."""
    return f"tamar.{uuid4().hex[:8]}@example.org"


def sent_kinds(sandbox, to):
    return [mail["message_id"].split("@")[0].rsplit(".", 1)[1] for mail in sandbox.mails(to, wait=0)]


def test_every_event_that_asks_for_it_is_told_once(at, sandbox, somebody):
    case = at.register(somebody)
    at.house.compatriot.reissue_code(at.office.act(at.holder(case), "reissue"), case=case)
    consumer = at.house.notices()
    assert consumer.run_once() == (2, 2)
    assert consumer.run_once() == (0, 0)
    assert at.house.notices().run_once() == (0, 0), "another process goes on from the same position"
    assert sent_kinds(sandbox, somebody) == ["registered", "code_reissued"]


@pytest.mark.parametrize("language", Language)
def test_the_first_mail_holds_number_and_code_in_the_applicants_language(at, sandbox, somebody, language):
    case = at.register(somebody, language)
    at.house.notices().run_once()
    (mail,) = sandbox.mails(somebody)
    application = at.application(case)
    code = group_code(at.house.compatriot.code_of(case))
    for form in (mail["text"], mail["html"]):
        assert group_number(application.number) in form
        assert code in form
        assert str(application.cash_reference) in form
        assert f"{at.house.settings.url}/pay/" in form
    assert mail["language"] == language.value
    assert bool(re.search("[ა-ჰ]", mail["subject"])) == (language is Language.KA)
    assert re.fullmatch(rf"<{case.hex}\.1\.registered@[a-z0-9.]+>", mail["message_id"])


def test_a_mail_sent_late_holds_the_code_in_force(at, sandbox, somebody):
    case = at.register(somebody)
    old = group_code(at.house.compatriot.code_of(case))
    at.house.compatriot.reissue_code(at.office.act(at.holder(case), "reissue"), case=case)
    new = group_code(at.house.compatriot.code_of(case))
    at.house.notices().run_once()
    for mail in sandbox.mails(somebody):
        assert new in mail["text"]
        assert old not in mail["text"]


def test_every_kind_can_be_written_in_both_languages(at, somebody):
    """Facts that a mail asks for and the consumer does not give would raise here, whatever the event."""
    facts = dict.fromkeys(("number", "amount", "until", "code", "cash_reference", "missing"), "x")
    facts |= {"pay_url": "https://x", "refund": True, "due": "x", "call_until": None}
    for kind in KINDS.values():
        assert texts.mail_facts(kind) <= facts.keys()
        for language in Language:
            texts.mail(kind, language.value, office_name="x", status_url="https://x", **facts)


def test_paid_and_warned_say_what_the_case_awaits(at, sandbox, somebody):
    case = at.register(somebody)
    sandbox.pay(at.at_bank(case))
    at.project()
    next(each for each in at.house.deadlines().duties if each.name == "orders at the bank").do()
    at.days_pass(24)
    at.project()
    next(each for each in at.house.deadlines().duties if each.name == "terms").do()
    at.house.notices().run_once()
    _, paid, warned = sandbox.mails(somebody)
    last_day = texts.spoken(at.application(case).answer_until, Language.EN.value)
    assert last_day in paid["text"]
    assert last_day in warned["text"]
    assert "50" in paid["text"]


def test_while_the_mail_server_is_busy_mails_wait_and_come_once(at, sandbox, somebody):
    at.register(somebody)
    sandbox.ask("POST", "/mailbox/behaviour", json={"mode": "busy", "times": 1})
    consumer = at.house.notices()
    assert consumer.run_once() == (1, 0)
    assert sent_kinds(sandbox, somebody) == []
    _make_due(at)
    assert consumer.run_once() == (0, 1)
    assert sent_kinds(sandbox, somebody) == ["registered"]


def test_one_mail_that_is_refused_now_holds_up_no_other(at, sandbox, somebody):
    at.register(f"first.{somebody}")
    at.register(somebody)
    sandbox.ask("POST", "/mailbox/behaviour", json={"mode": "busy", "times": 1})
    assert at.house.notices().run_once() == (2, 1)
    assert sent_kinds(sandbox, somebody) == ["registered"]


def test_a_mail_that_is_refused_for_good_is_given_up_and_said_so(at, sandbox, somebody):
    case = at.register(somebody)
    sandbox.ask("POST", "/mailbox/behaviour", json={"mode": "refusing", "times": 1})
    assert at.house.notices().run_once() == (1, 0)
    (notice,) = outbox.of_case(at.house.pool, case)
    assert (notice.gave_up, notice.next_at) == ("MailRejected", None)


def test_a_server_that_takes_the_mail_and_says_nothing_gets_it_once_more_under_the_same_id(at, sandbox, somebody):
    at.register(somebody)
    sandbox.ask("POST", "/mailbox/behaviour", json={"mode": "mute", "times": 1})
    consumer = at.house.notices()
    assert consumer.run_once() == (1, 0)
    _make_due(at)
    assert consumer.run_once() == (0, 1)
    ids = [mail["message_id"] for mail in sandbox.mails(somebody)]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_kill_between_the_servers_answer_and_our_commit_repeats_at_most_once(at, sandbox, somebody):
    class Killed(BaseException):
        """Stands for SIGKILL: nothing of the process's own comes after it."""

    at.register(somebody)
    consumer = at.house.notices()
    send = consumer.mail.send

    def killed_after(message):
        send(message)
        raise Killed

    consumer.mail.send = killed_after
    with pytest.raises(Killed):
        consumer.run_once()
    del consumer.mail.send
    assert at.house.notices().run_once() == (0, 1)
    assert at.house.notices().run_once() == (0, 0)
    assert len({mail["message_id"] for mail in sandbox.mails(somebody)}) == 1
    assert len(sandbox.mails(somebody)) == 2


def test_two_processes_send_nothing_twice(at, sandbox, somebody):
    cases = [at.register(f"{number}.{somebody}") for number in range(12)]
    stop = threading.Event()
    threads = [threading.Thread(target=at.house.notices().run_forever, args=(stop,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(len(cases)):
        assert sandbox.mails(f"{number}.{somebody}", wait=30)
    stop.set()
    for thread in threads:
        thread.join()
    assert [sent_kinds(sandbox, f"{number}.{somebody}") for number in range(12)] == [["registered"]] * 12


def test_nobody_is_written_to_once_their_data_are_erased(at, sandbox, somebody):
    case = at.register(somebody)
    settings = at.house.settings
    with closing(KeyStore(settings.keys_as(DbRole.ERASER), settings.keys)) as keys:
        keys.erase(at.application(case).subject)
    with open_house(settings) as another:
        another.notices().run_once()
    (notice,) = outbox.of_case(at.house.pool, case)
    assert notice.gave_up == "NobodyToWrite"
    assert sent_kinds(sandbox, somebody) == []


def test_a_mistake_in_one_mail_is_loud_and_holds_up_no_other(at, sandbox, somebody, capsys):
    broken = at.register(f"broken.{somebody}")
    at.register(somebody)
    consumer = at.house.notices()
    letters = consumer.letters["registered"]
    write = letters.write

    def mistaken(notice):
        if notice.case_id == broken:
            raise KeyError(somebody)
        return write(notice)

    letters.write = mistaken
    assert consumer.run_once() == (2, 1)
    assert sent_kinds(sandbox, somebody) == ["registered"]
    assert "KeyError" in capsys.readouterr().out


def test_nothing_of_a_person_stands_in_the_notices_table(at, somebody):
    at.register(somebody)
    at.house.notices().run_once()
    with at.house.pool.connection() as db:
        told = str(db.execute("SELECT * FROM housekeeping.notice").fetchall())
    assert somebody not in told


def test_the_consumer_of_another_ledger_stops_and_names_the_remedy(at):
    at.register()
    at.house.notices().run_once()
    with at.house.pool.connection() as db:
        db.execute("UPDATE housekeeping.follower SET lineage = gen_random_uuid()")
    with pytest.raises(FollowerLost, match="sarkmeli consumers rebase notices") as lost, bounded() as stop:
        at.house.notices().run_forever(stop)
    assert "`sarkmeli consumers rebase notices POSITION`" in told((lost.type, lost.value, lost.tb)), "in the log too"
    assert "somebody" not in told((ValueError, ValueError("somebody"), None))


def test_an_event_that_cannot_be_read_ends_the_consumer_and_not_its_following_alone(at):
    at.register()
    with psycopg.connect(at.house.settings.ledger_conninfo) as db:
        db.execute(
            """
            INSERT INTO ledger.event (position, stream, version, topic, plain, recorded_at, lineage)
            SELECT ledger.draw(1), gen_random_uuid(), 1, 'compatriot.Application.FromTheFuture', '{}', now(), id
            FROM ledger.lineage ORDER BY generation DESC LIMIT 1
            """
        )
    with pytest.raises(Undecodable), bounded() as stop:
        at.house.notices().run_forever(stop)
    assert stop.is_set()


@pytest.mark.parametrize("place", ["_follow_on", "_send_on"])
def test_a_mistake_of_ours_in_either_thread_ends_both(at, monkeypatch, place):
    def mistaken(db, stop):
        raise ZeroDivisionError

    consumer = at.house.notices()
    monkeypatch.setattr(consumer, place, mistaken)
    with pytest.raises(ZeroDivisionError), bounded() as stop:
        consumer.run_forever(stop)


@contextmanager
def bounded():
    """An event that is set after a while, so that what should have ended by itself fails and does not hang."""
    stop = threading.Event()
    timer = threading.Timer(60, stop.set)
    timer.start()
    try:
        yield stop
    finally:
        timer.cancel()


def _make_due(at):
    with at.house.pool.connection() as db:
        db.execute("UPDATE housekeeping.notice SET next_at = now() WHERE next_at IS NOT NULL")
