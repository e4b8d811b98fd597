"""The consultant's side: beside the registries' word, on record, bound to the caller, never for oneself."""

from uuid import UUID, uuid4

import pytest
from taxpayers import PERSON, called_in, clarified, compared, entered, filed, texted_code
from test_readings import readings
from window import keyed

from api import consultation
from domain.number import group_code

CONSULTANT = "01019044321"
"""Of the account ``consultant``, who directs 445500210, too."""


def events(at, answer):
    found = at.staff("auditor").ask("CaseEvents", number=answer["number"])["events"]
    return [event["name"] for event in found]


def somebody():
    """A person of whom nobody filed anything yet; the sandbox's registries know whoever has such a number."""
    return f"99{uuid4().int % 10**9:09}"


def company():
    """A company of which nobody filed anything yet, and its one director."""
    code = f"99{uuid4().int % 10**7:07}"
    return code, f"99{code}"


@pytest.fixture
def desk_is_free(at):
    """Whatever a test left in the queue is given up, so that the next one is called in first."""
    yield
    for account in ("consultant", "consultant-video"):
        desk = at.staff(account)
        while (claimed := desk.ask("ClaimNextCall", input={})).get("call"):
            desk.do("RefuseReception", call=claimed["call"], ground="CIRCUMSTANCE_DOUBT", reasons="End of the test.")


pytestmark = pytest.mark.usefixtures("desk_is_free")


def test_a_taxpayer_is_activated_by_video_and_chooses_one_of_two_usernames(at):
    person = somebody()
    _, first, kept = filed(at, identification=person)
    client, answer, asked = filed(at, identification=person)
    waiting, desk = called_in(at, client, answer, asked, personalNumber=person)
    before = len(readings(at))
    shown = desk.ask("Call", id=waiting["call"])
    assert shown["__typename"] == "RegistrationCallView"
    assert (shown["caller"]["personalNumber"], shown["form"]["username"]) == (person, asked["username"])
    assert (shown["callerFits"], shown["mobileFits"], shown["representation"]) == (True, True, None)
    assert shown["registryAnswer"] == "FOUND"
    assert shown["registry"]["picture"]
    assert {one["kind"] for one in shown["comparisons"]} == {
        "SURNAME", "FIRST_NAME", "DOCUMENT_VALIDITY", "CITIZENSHIP",
    }  # fmt: skip
    assert [one["username"] for one in shown["siblings"]] == [kept["username"], asked["username"]]
    subjects = {at.house.ledger.reader.stream(UUID(one["case"]))[0].event.subject for one in (first, answer)}
    noted = readings(at)[before:]
    assert [one[:3] for one in noted] == [
        ("consultant", "VIDEO_CALL", "call"), ("consultant", "VIDEO_CALL", "civilRegistry"),
    ]  # fmt: skip
    assert all(set(one[3]) == subjects for one in noted)

    compared(desk, waiting)
    assert desk.refused("Verify", call=waiting["call"]) == "NOT_CLARIFIED"
    assert [one["mobile"] for one in shown["siblings"]] == [
        f"+995 5•••{each['mobile'][-2:]}" for each in (kept, asked)
    ]  # fmt: skip
    assert kept["email"] not in str(shown)
    told = desk.do("SendReadOutCode", call=waiting["call"], kept=answer["case"])
    assert told["to"] == f"+995 5•••{asked['mobile'][-2:]}"
    own = texted_code(at, asked["mobile"])
    other = {"call": waiting["call"], "kept": first["case"], "code": own}
    assert desk.refused("ClarifyUsername", **other) == "CALLER_NOT_BOUND", "it speaks for the mobile of the form called"
    assert desk.refused("SendReadOutCode", call=waiting["call"], kept=str(uuid4())) == "NOT_OF_THIS_TAXPAYER"
    told = desk.do("SendReadOutCode", call=waiting["call"], kept=first["case"])
    assert told["to"] == f"+995 5•••{kept['mobile'][-2:]}"
    code = texted_code(at, kept["mobile"])
    wrong = {"call": waiting["call"], "kept": first["case"], "code": "".join(reversed(code)) + "0"}
    assert desk.refused("ClarifyUsername", **wrong) == "CALLER_NOT_BOUND"
    stranger = {"call": waiting["call"], "kept": str(uuid4()), "code": code}
    assert desk.refused("ClarifyUsername", **stranger) == "NOT_OF_THIS_TAXPAYER"
    desk.do("ClarifyUsername", call=waiting["call"], kept=first["case"], code=code)
    assert desk.ask("Call", id=waiting["call"])["clarified"] == first["case"]
    desk.do("Verify", call=waiting["call"])
    assert events(at, first)[-2:] == ["VideoVerified", "Activated"]
    assert events(at, answer)[-2:] == ["UsernameClarified", "Superseded"]
    draft = at.client()
    draft.token = draft.do("OpenDraft", bearer=True)["token"]
    assert draft.ask("UsernameFree", username=asked["username"])["free"]
    assert not draft.ask("UsernameFree", username=kept["username"])["free"]


def test_what_a_break_off_ends_no_later_sitting_may_use(at):
    """Somebody else may come back to the camera; the consultant is the same."""
    client, answer, asked = filed(at, identification=(person := somebody()))
    waiting, desk = called_in(at, client, answer, asked, personalNumber=person)
    compared(desk, waiting)
    clarified(at, desk, waiting, asked, answer["case"])
    desk.do("SendReadOutCode", call=waiting["call"], kept=answer["case"])
    unspent = texted_code(at, asked["mobile"])
    desk.do("BreakOffCall", call=waiting["call"], reason="NO_PICTURE")
    again, same = called_in(at, client, answer, asked, personalNumber=person)
    assert (again["call"], same.token) == (waiting["call"], desk.token)
    assert desk.ask("Call", id=waiting["call"])["clarified"] is None
    compared(desk, waiting)
    assert desk.refused("Verify", call=waiting["call"]) == "NOT_CLARIFIED"
    kept = {"call": waiting["call"], "kept": answer["case"]}
    assert desk.refused("ClarifyUsername", **kept, code=unspent) == "CALLER_NOT_BOUND"
    clarified(at, desk, waiting, asked, answer["case"])
    desk.do("Verify", call=waiting["call"])
    assert events(at, answer)[-2:] == ["VideoVerified", "Activated"]


def test_who_does_not_hold_the_call_sees_and_does_nothing(at):
    client, answer, asked = filed(at, identification=somebody())
    waiting, desk = called_in(at, client, answer, asked)
    other, operator = at.staff("consultant-video"), at.staff("operator-1")
    assert operator.ask("ClaimNextCall", input={})["code"] == "NOBODY_WAITING"
    assert other.ask("Call", id=waiting["call"])["code"] == "NOT_YOUR_CALL"
    assert other.refused("SendReadOutCode", call=waiting["call"], kept=answer["case"]) == "NOT_YOUR_CALL"
    kept = {"call": waiting["call"], "kept": answer["case"], "code": "000000"}
    assert other.refused("ClarifyUsername", **kept) == "NOT_YOUR_CALL"
    assert operator.refused("ClarifyUsername", **kept) == "NOT_ALLOWED"
    assert not desk.ask("Call", id=waiting["call"])["callerFits"]
    desk.do("SendReadOutCode", call=waiting["call"], kept=answer["case"])
    code = texted_code(at, asked["mobile"])
    assert desk.refused("ClarifyUsername", **{**kept, "code": code}) == "NOT_A_REPRESENTATIVE"


def test_who_enters_says_who_they_are_all_faults_at_once(at):
    client, answer, asked = filed(at, identification=somebody())
    consent = client.ask("Office")["taxpayer"]["bar"]["consent"]
    ready = {**keyed(answer), "consent": consent, "camera": True, "microphone": True}
    faults = client.ask("EnterBar", input=ready)["faults"]
    assert [(fault["field"], fault["code"]) for fault in faults] == [("declared", "MISSING")]
    wrong = {"firstName": "", "surname": "Ма", "personalNumber": "1", "mobile": "2", "legalCode": "3"}
    faults = client.ask("EnterBar", input={**ready, "declared": wrong})["faults"]
    assert [fault["field"] for fault in faults] == [f"declared.{name}" for name in wrong]
    assert client.refused("EnterBar", **{**ready, "consent": "v0", "declared": wrong}) == "CONSENT_OUTDATED"
    call = entered(client, answer, asked)["call"]
    assert entered(client, answer, asked)["call"] == call
    client.do("LeaveBar", **keyed(answer))


def test_for_a_company_the_public_registry_says_who_may_act(at):
    code, director = company()
    client, answer, asked = filed(at, identification=code)
    waiting, desk = called_in(at, client, answer, asked, personalNumber=director, legalCode=code)
    before = len(readings(at))
    shown = desk.ask("Call", id=waiting["call"])
    there = shown["representation"]
    assert (there["answer"], there["representatives"], there["mayRepresent"]) == ("FOUND", [director], True)
    assert shown["callerFits"]
    assert [one[2] for one in readings(at)[before:]] == ["call", "civilRegistry", "publicRegistry"]
    compared(desk, waiting)
    before = len(readings(at))
    clarified(at, desk, waiting, asked, answer["case"])
    assert [one[1:3] for one in readings(at)[before:]] == [("VIDEO_CALL", "publicRegistry")]
    desk.do("Verify", call=waiting["call"])
    assert events(at, answer)[-1] == "Activated"


@pytest.mark.parametrize(
    ("code", "answered", "refused"),
    [
        ("405200116", "FOUND", "NOT_A_REPRESENTATIVE"),
        ("205118890", "FOUND", "NOT_A_REPRESENTATIVE"),
        ("100000000", "NOT_FOUND", "NOT_A_REPRESENTATIVE"),
        ("445500210", "FOUND", "OWN_REGISTRATION"),
    ],
)
def test_for_a_company_that_one_may_not_act_for_nothing_is_activated(at, code, answered, refused):
    client, answer, asked = filed(at, identification=code)
    waiting, desk = called_in(at, client, answer, asked, legalCode=code)
    shown = desk.ask("Call", id=waiting["call"])
    assert (shown["representation"]["answer"], shown["representation"]["mayRepresent"]) == (answered, False)
    assert shown["registryAnswer"] == "FOUND"
    desk.do("SendReadOutCode", call=waiting["call"], kept=answer["case"])
    read_out = texted_code(at, asked["mobile"])
    kept = {"call": waiting["call"], "kept": answer["case"], "code": read_out}
    assert desk.refused("ClarifyUsername", **kept) == refused


@pytest.fixture
def public_registry_forgiven(at):
    """The public registry is asked again at once, however often it failed."""
    yield
    at.house.public_registry._neighbour._breaker.reset()


@pytest.mark.usefixtures("public_registry_forgiven")
def test_a_public_registry_that_is_down_says_so_and_stops_nothing_else(at):
    client, answer, asked = filed(at, identification="000000002")
    waiting, desk = called_in(at, client, answer, asked, legalCode="000000002")
    shown = desk.ask("Call", id=waiting["call"])
    assert (shown["representation"]["answer"], shown["representation"]["mayRepresent"]) == ("UNAVAILABLE", False)
    assert (shown["registryAnswer"], shown["form"]["username"]) == ("FOUND", asked["username"])
    desk.do("SendReadOutCode", call=waiting["call"], kept=answer["case"])
    kept = {"call": waiting["call"], "kept": answer["case"], "code": texted_code(at, asked["mobile"])}
    assert desk.refused("ClarifyUsername", **kept) == "PUBLIC_REGISTRY_UNAVAILABLE"
    compared(desk, waiting)
    assert desk.refused("Verify", call=waiting["call"]) == "NOT_CLARIFIED"


def test_nobody_activates_their_own_registration(at):
    client, answer, asked = filed(at, identification=CONSULTANT)
    waiting, desk = called_in(at, client, answer, asked, personalNumber=CONSULTANT)
    desk.do("SendReadOutCode", call=waiting["call"], kept=answer["case"])
    kept = {"call": waiting["call"], "kept": answer["case"], "code": texted_code(at, asked["mobile"])}
    assert desk.refused("ClarifyUsername", **kept) == "OWN_REGISTRATION"
    paper = {"caseNumber": answer["number"], "visitor": CONSULTANT, "formSigned": True, "documentSeen": True}
    assert desk.refused("ActivateAtCentre", **paper) == "OWN_REGISTRATION"


def test_a_civil_registry_that_is_down_says_so_and_stops_nothing_else(at):
    client, answer, asked = filed(at, identification="00000000002")
    waiting, desk = called_in(at, client, answer, asked, personalNumber="00000000002")
    shown = desk.ask("Call", id=waiting["call"])
    assert (shown["registryAnswer"], shown["registry"], shown["comparisons"]) == ("UNAVAILABLE", None, [])
    assert shown["form"]["username"] == asked["username"]
    assert desk.do("SendReadOutCode", call=waiting["call"], kept=answer["case"])["minutes"] == 15


def test_at_a_service_centre_the_signed_form_and_the_document_are_seen(at):
    person = somebody()
    _, answer, asked = filed(at, identification=person)
    desk = at.staff("consultant-kutaisi")
    before = len(readings(at))
    shown = desk.ask("RegistrationAtCentre", number=answer["number"].replace(" ", ""), visitor=person)
    assert (shown["id"], shown["form"]["username"], shown["state"]) == (
        answer["case"], asked["username"], "AWAITING_ACTIVATION",
    )  # fmt: skip
    assert shown["registry"]["documentNumber"]
    assert [one[1:3] for one in readings(at)[before:]] == [
        ("SERVICE_CENTRE", "registrationAtCentre"), ("SERVICE_CENTRE", "civilRegistry"),
    ]  # fmt: skip
    asked = {"caseNumber": answer["number"], "visitor": person, "formSigned": True, "documentSeen": True}
    assert desk.refused("ActivateAtCentre", **{**asked, "formSigned": False}) == "PAPER_NOT_SEEN"
    assert desk.refused("ActivateAtCentre", **{**asked, "visitor": PERSON}) == "NOT_A_REPRESENTATIVE"
    assert desk.refused("ActivateAtCentre", **{**asked, "visitor": "x"}) == "FORM_REFUSED"
    assert desk.refused("ActivateAtCentre", **{**asked, "caseNumber": "1234567897"}) == "NUMBER_UNKNOWN"
    anywhere = at.staff("consultant-video")
    assert anywhere.refused("ActivateAtCentre", **asked) == "CENTRE_UNKNOWN"
    assert anywhere.ask("RegistrationAtCentre", number=answer["number"], visitor=person)["code"] == "CENTRE_UNKNOWN"
    command = str(uuid4())
    done = desk.do("ActivateAtCentre", **asked, commandId=command)
    assert desk.do("ActivateAtCentre", **asked, commandId=command) == done
    assert desk.refused("ActivateAtCentre", **asked) == "ALREADY_ACTIVE"
    assert events(at, answer)[-2:] == ["VerifiedAtServiceCentre", "Activated"]


def test_a_call_for_a_company_is_refused_for_want_of_a_representative_and_a_persons_is_not(at):
    code, _ = company()
    client, answer, asked = filed(at, identification=code)
    waiting, desk = called_in(at, client, answer, asked, legalCode=code)
    shown = desk.ask("Call", id=waiting["call"])
    assert not shown["representation"]["mayRepresent"]
    assert shown["grounds"] == ["IDENTITY_DOUBT", "CIRCUMSTANCE_DOUBT", "NO_REPRESENTATIVE"]
    written = {"ground": "NO_REPRESENTATIVE", "reasons": "Not in the registry."}
    refused = desk.do("RefuseReception", call=waiting["call"], **written)
    status = client.ask("Status", **keyed(answer), atLeast=refused["token"])
    assert (status["registrationState"], status["activationRefused"]) == ("ACTIVATION_REFUSED", written)
    client, answer, asked = filed(at, identification=(person := somebody()))
    waiting, desk = called_in(at, client, answer, asked, personalNumber=person)
    assert desk.ask("Call", id=waiting["call"])["grounds"] == ["IDENTITY_DOUBT", "CIRCUMSTANCE_DOUBT"]
    refusal = desk.ask("RefuseReception", input={"call": waiting["call"], **written})
    assert (refusal["code"], "NO_REPRESENTATIVE" in refusal["message"]) == ("GROUND_NOT_OF_CASE", False)
    assert events(at, answer)[-1] == "EmailConfirmed"


def test_of_more_registrations_than_are_shown_the_others_are_counted(at, monkeypatch):
    monkeypatch.setattr(consultation, "MOST_SIBLINGS", 2)
    person = somebody()
    client, first, asked = filed(at, identification=person)
    later = [filed(at, identification=person)[2]["username"] for _ in range(2)]
    waiting, desk = called_in(at, client, first, asked, personalNumber=person)
    centre = at.staff("consultant-kutaisi")
    for shown in (
        desk.ask("Call", id=waiting["call"]),
        centre.ask("RegistrationAtCentre", number=first["number"], visitor=person),
    ):
        assert [one["username"] for one in shown["siblings"]] == later
        assert shown["siblingsMore"] == 1
    clarified(at, desk, waiting, asked, first["case"])
    compared(desk, waiting)
    desk.do("Verify", call=waiting["call"])
    assert events(at, first)[-1] == "Activated"


def test_the_holder_sees_where_the_registration_stands_and_by_which_ways_it_is_activated(at):
    client, answer, asked = filed(at, identification=somebody())
    status = client.ask("Status", **keyed(answer), atLeast=answer["token"])
    assert (status["__typename"], status["registrationState"]) == ("RegistrationStatus", "AWAITING_ACTIVATION")
    assert (status["number"], status["form"]["username"]) == (answer["number"], asked["username"])
    assert (status["link"], status["call"], status["activatedBy"], status["activationRefused"]) == (None,) * 4
    assert [way["route"] for way in status["ways"]] == ["VIDEO", "SERVICE_CENTRE", "LINK"]
    call = entered(client, answer, asked)
    status = client.ask("Status", **keyed(answer), atLeast=call["token"])
    assert (status["call"]["call"], status["call"]["phase"]) == (call["call"], "WAITING")
    desk = at.staff("consultant")
    assert desk.do("ClaimNextCall")["call"] == call["call"]
    refused = desk.do("RefuseReception", call=call["call"], ground="IDENTITY_DOUBT", reasons="Another face.")
    status = client.ask("Status", **keyed(answer), atLeast=refused["token"])
    assert (status["registrationState"], status["ways"]) == ("ACTIVATION_REFUSED", [])
    assert status["activationRefused"] == {"ground": "IDENTITY_DOUBT", "reasons": "Another face."}
    assert client.refused("EnterBar", **keyed(answer), consent="v1", camera=True, microphone=True) == (
        "REGISTRATION_ENDED"
    )


def test_a_code_is_replaced_and_the_one_before_opens_nothing(at):
    client, answer, _ = filed(at, identification=somebody())
    client.do("ReissueCode", **keyed(answer))
    assert client.ask("Status", **keyed(answer))["code"] == "WRONG_NUMBER_OR_CODE"
    new = group_code(at.house.taxpayer.code_of(UUID(answer["case"])))
    assert client.ask("Status", number=answer["number"], code=new)["registrationState"] == "AWAITING_ACTIVATION"


def test_nothing_is_asked_of_a_registry_before_it_is_noted(at, monkeypatch):
    client, answer, asked = filed(at, identification=somebody())
    waiting, desk = called_in(at, client, answer, asked)
    looked_up = []
    monkeypatch.setattr(type(at.house.ports.registry), "find", lambda *about: looked_up.append(about))

    def refused(*_, **__):
        raise RuntimeError("cannot be noted")

    monkeypatch.setattr(at.house.staff, "read", refused)
    told = desk.send("Call", id=waiting["call"])
    assert told.status_code == 500
    assert asked["username"] not in told.text
    assert looked_up == []
