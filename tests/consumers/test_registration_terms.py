"""Registrations that nobody activates: warned, expired, their usernames free; nothing expires unwarned."""

from uuid import uuid4

import pytest
from consumer_taxpayers import GIORGI, NINO, REGISTERED_EMAIL, Taxpayers

import texts
from domain.taxpayer.state import RegistrationState
from domain.taxpayer.username import username_address


@pytest.fixture
def taxpayers(at):
    return Taxpayers(at)


@pytest.fixture
def duty(at):
    """Do one duty of the office's once, after the read models have caught up."""

    def do(name="activations"):
        at.project()
        return next(each for each in at.house.deadlines().duties if each.name == name).do()

    return do


def test_who_activates_nothing_is_warned_once_expires_once_and_the_username_is_free(at, taxpayers, duty):
    case = taxpayers.files(username="gansakutrebuli")
    at.days_pass(22)
    assert duty() == 0
    at.days_pass(1)
    assert (duty(), duty()) == (1, 0)
    assert taxpayers.story(case) == ["ExpiryWarned"]
    at.house.notices().run_once()
    at.days_pass(7)
    assert duty() == 0
    at.days_pass(1)
    assert (duty(), duty()) == (1, 0)
    assert taxpayers.story(case) == ["ExpiryWarned", "Expired"]
    username = at.office.find(*username_address("gansakutrebuli"))
    assert at.events(username) == ["Reserved", "Released"]
    other = taxpayers.files(GIORGI, username="gansakutrebuli")
    assert taxpayers.registration(other).state is RegistrationState.AWAITING_ACTIVATION


def test_a_late_warning_moves_the_last_day_and_one_that_nobody_was_mailed_is_given_again(at, taxpayers, duty, sandbox):
    to = f"late.{uuid4().hex[:8]}@example.org"
    case = taxpayers.files(email=to)
    until = taxpayers.registration(case).activation_until
    at.days_pass(33)
    assert (duty(), duty()) == (1, 0)
    assert (taxpayers.registration(case).activation_until - until).days == 10
    at.days_pass(8)
    assert duty() == 1
    assert taxpayers.story(case) == ["ExpiryWarned", "ExpiryWarned"], "the notices consumer was away"
    at.house.notices().run_once()
    _, warned = sandbox.mails(to)
    assert texts.spoken(taxpayers.registration(case).activation_until, "en") in warned["text"]
    at.days_pass(8)
    assert duty() == 1
    assert taxpayers.story(case)[-1] == "Expired"


def test_who_activates_after_the_warning_neither_expires_nor_is_warned_by_mail(at, taxpayers, duty, sandbox):
    to = f"active.{uuid4().hex[:8]}@example.org"
    case = taxpayers.files(email=to)
    at.days_pass(25)
    assert duty() == 1
    taxpayers.asks_for_link()
    at.house.links.send()
    token = sandbox.mails(REGISTERED_EMAIL[NINO])[-1]["text"].partition("#")[2].split()[0]
    taxpayers.opens(token)
    at.house.notices().run_once()
    assert [mail["message_id"].split("@")[0].rsplit(".", 1)[1] for mail in sandbox.mails(to)] == ["registration_filed"]
    at.days_pass(60)
    assert duty() == 0
    assert taxpayers.registration(case).state is RegistrationState.ACTIVE


def test_both_services_keep_their_terms_apart(at, taxpayers, duty):
    application, registration = at.register(), taxpayers.files()
    at.days_pass(25)
    assert (duty("terms"), duty("activations")) == (1, 1)
    assert at.story(application) == ["ExpiryWarned"]
    assert taxpayers.story(registration) == ["ExpiryWarned"]
    assert (duty("terms"), duty("activations")) == (0, 0)


def test_a_password_that_no_event_followed_is_swept_and_one_that_counts_is_kept(at, taxpayers, duty):
    case = taxpayers.files()
    passwords = at.house.passwords
    passwords.keep(case, uuid4(), "Nobodys-1234")
    passwords.keep(uuid4(), uuid4(), "Nobodys-1234")
    with at.house.pool.connection() as db:
        db.execute("UPDATE housekeeping.password SET kept_at = kept_at - interval '2 days', look_at = now()")
    assert duty("passwords that do not count") == 2
    registration = taxpayers.registration(case)
    assert passwords.verify(case, registration.password_of, "Tbilisi-1846", "")
