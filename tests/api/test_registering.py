"""The registration form at the window: confirmed inside, every fault at once, one username for one registration."""

import re
from uuid import UUID, uuid4

import pytest
from taxpayers import PASSWORD, begun, filed, form, texted_code
from window import keyed

from domain.taxpayer.registration import Registration


def test_a_form_is_filed_with_mobile_and_address_confirmed_inside_it(at):
    client, confirmed = begun(at)
    asked = form(confirmed)
    free = client.ask("UsernameFree", username=asked["username"])
    assert (free["username"], free["free"], free["faults"]) == (asked["username"], True, [])
    consents = [{"kind": "OBLIGATIONS_BY_SMS", "version": "v1", "language": "KA"}]
    command = str(uuid4())
    answer = client.do("RegisterTaxpayer", form=asked, consents=consents, commandId=command)
    assert [way["route"] for way in answer["ways"]] == ["VIDEO", "SERVICE_CENTRE", "LINK"]
    assert answer["ways"][0]["bar"]["isOpen"]
    assert client.do("RegisterTaxpayer", form=asked, consents=consents, commandId=command) == answer
    assert client.refused("RegisterTaxpayer", form=asked, consents=consents) == "ALREADY_FILED"
    assert not client.ask("UsernameFree", username=asked["username"].upper())["free"]
    events = at.staff("auditor").ask("CaseEvents", number=answer["number"])["events"]
    assert [event["name"] for event in events] == ["Registered", "MobileConfirmed", "EmailConfirmed", "ConsentGiven"]
    assert {event["actor"] for event in events} == {""}


def test_everything_that_is_wrong_is_told_at_once_in_both_languages(at):
    client, _ = begun(at)
    wrong = {
        "username": "ნino;x",
        "identification": "12",
        "password": "short",
        "repeatedPassword": "other",
        "mobile": "599",
        "email": "nobody",
        "language": "KA",
    }
    consents = [{"kind": "NEWS", "version": "v1"}, {"kind": "NEWS", "version": "v1"}]
    told = {}
    for language in ("ka", "en"):
        client.language = language
        answer = client.ask("RegisterTaxpayer", input={"form": wrong, "consents": consents})
        assert answer["code"] == "FORM_REFUSED"
        told[language] = [(fault["field"], fault["code"]) for fault in answer["faults"]]
        assert all(fault["message"] for fault in answer["faults"])
    assert told["ka"] == told["en"]
    assert {field for field, _ in told["ka"]} == {
        "username", "identification", "password", "repeatedPassword", "mobile", "email", "consents",
    }  # fmt: skip
    assert ("password", "DIGIT_MISSING") in told["ka"]
    assert ("repeatedPassword", "NOT_REPEATED") in told["ka"]


def test_what_is_not_confirmed_is_refused_and_reserves_nothing(at):
    client, confirmed = begun(at)
    other = form({**confirmed, "mobile": "+995555999999", "email": "another@example.org"})
    answer = client.ask("RegisterTaxpayer", input={"form": other})
    assert [fault["code"] for fault in answer["faults"]] == ["MOBILE_NOT_CONFIRMED", "EMAIL_NOT_CONFIRMED"]
    assert client.ask("UsernameFree", username=other["username"])["free"]


def test_a_username_that_reads_alike_is_taken(at):
    _, _, first = filed(at, username=f"Givi-{uuid4().hex[:8]}-l0")
    client, confirmed = begun(at)
    alike = first["username"].upper().replace("L0", "1O")
    assert client.refused("RegisterTaxpayer", form=form(confirmed, username=alike)) == "USERNAME_TAKEN"


def test_whether_a_username_is_free_is_told_to_who_fills_in_a_form_and_so_often(at):
    assert at.client().ask("UsernameFree", username="somebody-1")["code"] == "DRAFT_REQUIRED"
    client = at.client()
    client.token = client.do("OpenDraft", bearer=True)["token"]
    answer = client.ask("UsernameFree", username="a:b")
    assert not answer["free"]
    assert {fault["code"] for fault in answer["faults"]} == {"TOO_SHORT", "FORBIDDEN_CHARACTERS"}
    codes = [client.ask("UsernameFree", username=f"somebody-{n}").get("code") for n in range(60)]
    assert codes[:59] == [None] * 59
    assert codes[59] == "TOO_MANY_TRIES"
    other = at.client()
    other.token = client.token
    assert other.ask("UsernameFree", username="somebody-1")["free"]


@pytest.mark.parametrize("language", ["ka", "en"])
def test_what_is_refused_on_the_form_speaks_of_no_mail_and_no_application(at, language):
    """Both services say it: a code also comes by SMS, and a taxpayer begins no application."""
    client = at.client(language=language)
    asked = {"mobile": "555300003", "code": "000000"}
    undrafted = client.ask("ConfirmMobile", input=asked)
    client.token = client.do("OpenDraft", bearer=True)["token"]
    wrong = client.ask("ConfirmMobile", input=asked)
    assert (undrafted["code"], wrong["code"]) == ("DRAFT_REQUIRED", "ONE_TIME_CODE_WRONG")
    for refused in (undrafted, wrong):
        assert not re.search("mail|application|წერილ|განცხადებ", refused["message"]), refused["message"]


def test_a_mobile_is_confirmed_by_the_code_that_came_there(at):
    client = at.client()
    client.token = client.do("OpenDraft", bearer=True)["token"]
    assert client.refused("RequestMobileCode", mobile="0322123456") == "MOBILE_UNUSABLE"
    assert client.do("RequestMobileCode", mobile="555 30-00 01")["minutes"] == 15
    code = texted_code(at, "+995555300001")
    assert client.refused("ConfirmMobile", mobile="555300002", code=code) == "ONE_TIME_CODE_WRONG"
    assert client.do("ConfirmMobile", mobile="+995 555 300001", code=code)["mobile"] == "+995555300001"
    assert client.do("ConfirmMobile", mobile="555300001", code="000000")["mobile"] == "+995555300001"
    assert client.refused("RequestMobileCode", mobile="500000002") == "SMS_AWAY"
    assert client.refused("RequestMobileCode", mobile="500000003") == "MOBILE_UNUSABLE"
    assert at.client().refused("RequestMobileCode", mobile="555300001") == "DRAFT_REQUIRED"
    asked = [client.ask("RequestMobileCode", input={"mobile": "555300001"}).get("code") for _ in range(5)]
    assert asked[0] is None
    assert asked[-1] in {"TOO_MANY_CODES", "TOO_MANY_MESSAGES"}


def test_the_same_command_with_another_password_changes_none(at):
    client, confirmed = begun(at)
    asked, command = form(confirmed), str(uuid4())
    answer = client.do("RegisterTaxpayer", form=asked, commandId=command)
    other = {**asked, "password": "Another-1", "repeatedPassword": "Another-1"}
    assert client.do("RegisterTaxpayer", form=other, commandId=command) == answer
    registration = at.house.office.load(Registration, UUID(answer["case"]))
    kept = registration.password_of
    assert at.house.passwords.verify(registration.id, kept, PASSWORD, "")
    assert not at.house.passwords.verify(registration.id, kept, "Another-1", "")
    renamed = {**asked, "username": f"{asked['username']}x"}
    assert client.refused("RegisterTaxpayer", form=renamed, commandId=command) == "COMMAND_REUSED"


def test_consents_are_given_and_taken_back_later_by_number_and_code(at):
    client, answer, _ = filed(at)
    given = client.do("GiveConsent", **keyed(answer), consent={"kind": "MESSAGES_BY_EMAIL", "version": "v1"})
    shown = client.ask("Status", **keyed(answer), atLeast=given["token"])
    assert [consent["kind"] for consent in shown["consents"]] == ["MESSAGES_BY_EMAIL"]
    taken = client.do("WithdrawConsent", **keyed(answer), kind="MESSAGES_BY_EMAIL")
    assert client.ask("Status", **keyed(answer), atLeast=taken["token"])["consents"] == []
    assert client.refused("WithdrawConsent", **keyed(answer), kind="MESSAGES_BY_EMAIL") == "CONSENT_NOT_GIVEN"
    outdated = {"kind": "MESSAGES_BY_EMAIL", "version": "v0"}
    assert client.refused("GiveConsent", **keyed(answer), consent=outdated) == "CONSENT_TEXT_OUTDATED"


def test_what_only_applications_have_no_registration_has(at):
    client, answer, _ = filed(at)
    for operation, more in (
        ("OpenPayment", {}),
        ("OpenPapersDraft", {}),
        ("ProvideInformation", {"text": "Yes."}),
        ("RequestOneTimeCode", {}),
        ("Withdraw", {"oneTimeCode": "000000"}),
        ("ReceiveDecision", {}),
    ):
        assert client.refused(operation, **keyed(answer), **more) == "UNKNOWN_CASE", operation
