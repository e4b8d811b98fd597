"""Forms filed in a taxpayer's name by the dozen: the taxpayer activates theirs, and every other ends soon after."""

import re

import pytest
from consumer_house import opened
from consumer_taxpayers import NINO, PASSWORD, REGISTERED_EMAIL, Taxpayers

from domain.people import Actor, Role
from domain.taxpayer.refusals import TaxpayerHasAccount
from domain.taxpayer.siblings import AT_ONCE
from domain.taxpayer.state import RegistrationState
from domain.taxpayer.username import username_address

CHEAP = "m=64,t=1,p=1"


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the process's own comes after it."""


@pytest.fixture
def at(sandbox, new_database):
    with opened(sandbox.folder.parent, new_database, sandbox, password_cost=CHEAP) as house:
        yield house


@pytest.fixture
def taxpayers(at):
    return Taxpayers(at)


def duty(at):
    """Do the duty once, whatever lease its rows are under."""
    with at.house.pool.connection() as db:
        db.execute("UPDATE housekeeping.left_over SET next_at = now()")
    return next(each for each in at.house.deadlines().duties if each.name == "forms left over").do()


def noted(at):
    with at.house.pool.connection() as db:
        return [row[0] for row in db.execute("SELECT registration FROM housekeeping.left_over").fetchall()]


def newest_link(at, sandbox):
    """Ask for links by mail; how many there are, the mail, and the token of the form that was filed last."""
    earlier = len(sandbox.mails(REGISTERED_EMAIL[NINO], wait=0))
    at.house.links.send()
    (mail,) = sandbox.mails(REGISTERED_EMAIL[NINO], wait=0)[earlier:]
    tokens = re.findall(r"/activate#(\S+)", mail["text"])
    return len(tokens), mail, tokens[-1]


def is_free(at, username):
    return at.events(at.office.find(*username_address(username)))[-1] == "Released"


def test_a_victim_of_seventy_forms_activates_theirs_and_a_kill_leaves_none_waiting(at, taxpayers, sandbox, monkeypatch):
    theirs = [taxpayers.files(username=f"sxvisi-saxeli-{number}") for number in range(69)]
    mine = taxpayers.files(username="chemi-saxeli")
    taxpayers.asks_for_link()
    named, mail, token = newest_link(at, sandbox)
    assert named == AT_ONCE
    assert f"{70 - AT_ONCE} more were filed" in mail["text"]
    sent = [case for case in theirs if taxpayers.story(case) == ["ActivationLinkSent"]]
    assert sent == theirs[-(AT_ONCE - 1) :]

    assert taxpayers.opens(token) == mine
    waiting = [case for case in theirs if taxpayers.registration(case).state is RegistrationState.AWAITING_ACTIVATION]
    assert waiting == theirs[: 70 - AT_ONCE], "one transaction ends the newest and no more"
    for case in (waiting[-1], sent[0]):
        act = at.office.act(Actor(str(case), Role.ADDRESSEE), "activateByLink")
        with pytest.raises(TaxpayerHasAccount):
            at.house.taxpayer.open_link(act, case=case, password=PASSWORD)

    supersede, batches = at.house.taxpayer.supersede, []

    def killed(*asked, **named):
        supersede(*asked, **named)
        batches.append(named["others"])
        if len(batches) == 3:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(at.house.taxpayer, "supersede", killed)
        with pytest.raises(Killed):
            duty(at)
    assert noted(at) == [mine]
    assert duty(at) == 70 - AT_ONCE - 3 * AT_ONCE
    assert {len(batch) for batch in batches} == {AT_ONCE}

    assert [taxpayers.story(case)[-1] for case in theirs] == ["Superseded"] * 69
    assert all(taxpayers.story(case).count("Superseded") == 1 for case in theirs)
    assert all(is_free(at, f"sxvisi-saxeli-{number}") for number in range(69))
    assert taxpayers.registration(mine).state is RegistrationState.ACTIVE
    assert (noted(at), duty(at)) == ([], 0)


def test_an_activation_that_was_noted_and_never_came_ends_nothing(at, taxpayers):
    case, other = taxpayers.files(), taxpayers.files()
    at.house.left_over.note(case)  # and dies before the activation
    assert (duty(at), noted(at)) == (0, [case])
    with at.house.pool.connection() as db:
        db.execute("UPDATE housekeeping.left_over SET noted_at = noted_at - interval '1 hour'")
    assert (duty(at), noted(at)) == (0, [])
    assert [taxpayers.story(each) for each in (case, other)] == [[], []]


def test_a_mistake_about_one_taxpayer_is_loud_and_comes_back(at, taxpayers, sandbox, monkeypatch, capsys):
    taxpayers.files()
    taxpayers.asks_for_link()
    case = taxpayers.opens(newest_link(at, sandbox)[2])
    late = taxpayers.files()

    def mistaken(*asked, **named):
        raise KeyError(late)

    with monkeypatch.context() as patched:
        patched.setattr(at.house.taxpayer, "supersede", mistaken)
        assert duty(at) == 0
    assert "KeyError" in capsys.readouterr().out
    assert noted(at) == [case]
    assert (duty(at), taxpayers.story(late), noted(at)) == (1, ["Superseded"], [])
