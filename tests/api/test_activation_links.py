"""The activation link: everybody is answered alike, looking uses nothing up, only a new password counts."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from neighbours import HTTP
from taxpayers import PASSWORD, filed
from window import keyed

from domain.people import Role, system
from domain.taxpayer.registration import Registration

NEW = "Kutaisi-2027"


def sent(at, answer, request=None):
    """A link that was sent for a registration, as the office's own part would: its secret."""
    case = UUID(answer["case"])
    act = at.house.office.act(system("links"), "send")
    at.house.taxpayer.send_link(act, case=case, to="nino.maisuradze@example.org")
    return at.house.link_tokens.issue(request or uuid4(), case, timedelta(hours=24))


def passes(at, answer, password):
    registration = at.house.office.load(Registration, UUID(answer["case"]))
    return at.house.passwords.verify(registration.id, registration.password_of, password, "")


def other_person(n):
    """A number that nobody else in these tests files for."""
    return f"99{n:09}"


@pytest.fixture
def one(at):
    """A registration of a taxpayer with no other, and the newest link to it."""
    client, answer, asked = filed(at, identification=other_person(uuid4().int % 10**9))
    return client, answer, asked, sent(at, answer)


def test_a_link_shows_masked_contacts_and_looking_uses_nothing_up(at, one):
    client, _, asked, link = one
    for _ in range(3):
        shown = client.ask("OpenActivationLink", token=link)
        assert (shown["username"], shown["kind"], shown["isActive"]) == (asked["username"], "PERSON", False)
        assert shown["mobile"] == f"+995 5•••{asked['mobile'][-2:]}"
        assert shown["email"] == "t•••@e•••.org"
        assert asked["mobile"] not in str(shown)
        assert asked["email"] not in str(shown)
    for wrong in ("", "x", link[:-1], link + "a", "a" * 10_000):
        assert client.ask("OpenActivationLink", token=wrong)["code"] == "LINK_NOT_SENT"


def test_a_new_password_activates_and_that_of_the_form_opens_nothing(at, one):
    client, answer, asked, link = one
    short = {"token": link, "password": "abc", "repeatedPassword": "abd"}
    told = client.ask("ActivateByLink", input=short)
    assert told["code"] == "FORM_REFUSED"
    assert {fault["field"] for fault in told["faults"]} == {"password", "repeatedPassword"}
    command = {"token": link, "password": NEW, "repeatedPassword": NEW, "commandId": str(uuid4())}
    done = client.do("ActivateByLink", **command)
    assert done["username"] == asked["username"]
    assert client.do("ActivateByLink", **command) == done
    assert client.refused("ActivateByLink", **{**command, "commandId": str(uuid4())}) == "LINK_NOT_SENT"
    assert client.ask("OpenActivationLink", token=link)["code"] == "LINK_NOT_SENT"
    assert client.refused("DisownRegistration", token=link) == "LINK_NOT_SENT"
    assert passes(at, answer, NEW)
    assert not passes(at, answer, PASSWORD)


def test_a_link_to_what_is_active_sets_a_new_password_and_a_spent_one_never(at, one):
    client, answer, _, link = one
    client.do("ActivateByLink", token=link, password=NEW, repeatedPassword=NEW)
    reset = sent(at, answer)
    assert client.ask("OpenActivationLink", token=reset)["isActive"]
    assert client.refused("ActivateByLink", token=link, password="Rustavi-1", repeatedPassword="Rustavi-1") == (
        "LINK_NOT_SENT"
    )
    assert client.refused("DisownRegistration", token=reset) == "ALREADY_ACTIVE"
    client.do("ActivateByLink", token=reset, password="Batumi-2028", repeatedPassword="Batumi-2028")
    assert passes(at, answer, "Batumi-2028")
    assert not passes(at, answer, NEW)


def test_who_reads_the_registrys_mail_may_say_that_it_was_not_them(at, one):
    client, answer, asked, link = one
    command = {"token": link, "commandId": str(uuid4())}
    done = client.do("DisownRegistration", **command)
    assert client.do("DisownRegistration", **command) == done
    assert client.refused("ActivateByLink", token=link, password=NEW, repeatedPassword=NEW) == "LINK_NOT_SENT"
    events = at.staff("auditor").ask("CaseEvents", number=answer["number"])["events"]
    assert [event["name"] for event in events][-2:] == ["ActivationLinkSent", "ActivationRefused"]
    assert events[-1]["role"] == Role.ADDRESSEE.name
    assert events[-1]["actor"] == ""
    draft = at.client()
    draft.token = draft.do("OpenDraft", bearer=True)["token"]
    assert draft.ask("UsernameFree", username=asked["username"])["free"]


def test_where_the_link_went_is_told_masked_and_only_with_number_and_code(at, one):
    client, answer, _, _ = one
    token = at.house.ledger.tokens.encode(at.house.ledger.reader.settled())
    status = client.ask("Status", **keyed(answer), atLeast=token)
    assert status["link"]["to"] == "n•••@e•••.org"
    assert "maisuradze" not in str(status)


def test_a_newer_link_cuts_the_one_before_not_short_and_one_used_ends_both(at, one):
    client, answer, _, link = one
    newer = sent(at, answer)
    earlier, later = (client.ask("OpenActivationLink", token=each)["opensUntil"] for each in (link, newer))
    assert earlier < later
    client.do("ActivateByLink", token=link, password=NEW, repeatedPassword=NEW)
    assert client.ask("OpenActivationLink", token=newer)["code"] == "LINK_NOT_SENT"


def test_everybody_is_answered_alike_who_asks_for_a_link(at, one):
    client, _, asked, _ = one
    told = [
        client.send("SendActivationLink", input={"identification": number})
        for number in (asked["identification"], other_person(1), "999999999")
    ]
    assert {answer.status_code for answer in told} == {200}
    assert len({answer.content for answer in told}) == 1
    assert told[0].json()["data"]["sendActivationLink"]["hours"] == 24
    for wrong in ("", "12", "abc", "1" * 5000):
        answer = client.ask("SendActivationLink", input={"identification": wrong})
        assert [fault["field"] for fault in answer["faults"]] == ["identification"]


def test_the_page_that_a_link_leads_to_is_the_same_for_everybody_and_does_nothing(at, one):
    link = one[3]
    pages = [HTTP.get(f"{at.url}/activate", params={"language": "ka"}) for _ in range(2)]
    assert pages[0].content == pages[1].content
    page = pages[0]
    assert '<html lang="ka">' in page.text
    assert "built-in method" not in page.text
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "OpenActivationLink" in page.text
    assert HTTP.get(f"{at.url}/activate.js").headers["content-type"].startswith("text/javascript")
    assert HTTP.post(f"{at.url}/activate", json={"token": link}).status_code == 405
    assert HTTP.get(f"{at.url}/activate", params={"token": link}).content == HTTP.get(f"{at.url}/activate").content
    assert at.client().ask("OpenActivationLink", token=link)["username"]
