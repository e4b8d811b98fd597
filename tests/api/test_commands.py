"""A command is done once, whatever is repeated, and by whomever it was asked."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

from window import drafted, form, keyed, registered, seen

from api.tickets import For, Tickets
from domain.language import Language
from ledger.recorder import OutcomeUnknown


def events(at, answer):
    found = at.staff("auditor").ask("CaseEvents", number=answer["number"])
    return [event["name"] for event in found["events"]]


def test_the_same_command_id_is_the_same_command(at):
    client, asked = drafted(at)
    asked["commandId"] = str(uuid4())
    first = client.do("RegisterApplication", **asked)
    again = client.do("RegisterApplication", **asked)
    assert paid_there(at, again) == paid_there(at, first)
    assert again == {**first, "bankPage": again["bankPage"]}
    passport = {**asked["form"]["document"], "number": "18IC40212"}
    for changed in ({"tier": "EXPEDITED"}, {"document": passport}):
        other = {**asked, "form": {**asked["form"], **changed}}
        assert client.refused("RegisterApplication", **other) == "COMMAND_REUSED", changed
    assert client.refused("RegisterApplication", **{**asked, "commandId": str(uuid4())}) == "ALREADY_REGISTERED"
    assert events(at, first) == ["Registered", "ConsentGiven"]


def paid_there(at, answer):
    """Where one pays, and what: the ticket also says until when it is good, and that moves with every answer."""
    there, _, ticket = answer["bankPage"].rpartition("/")
    desk = at.house.ports.office.desk
    return there, Tickets(at.house.ports.keys).read(For.PAY, ticket, desk.now())


def test_the_same_command_twice_at_once_is_done_once(at):
    client, asked = drafted(at)
    asked["commandId"] = str(uuid4())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.do("RegisterApplication", **asked), range(8)))
    assert len({(answer["number"], answer["code"], answer["token"]) for answer in answers}) == 1
    assert events(at, answers[0]) == ["Registered", "ConsentGiven"]


def test_the_same_command_id_of_another_actor_is_another_command(at):
    (one, first), (two, second) = drafted(at), drafted(at)
    command = str(uuid4())
    answers = [
        client.do("RegisterApplication", **asked, commandId=command) for client, asked in ((one, first), (two, second))
    ]
    assert answers[0]["number"] != answers[1]["number"]


def test_a_body_is_the_same_however_number_and_code_are_typed(at):
    client, answer = registered(at)
    command = str(uuid4())
    asked = {"consent": {"kind": "NEWS", "version": "v1"}, "commandId": command}
    given = client.do("GiveConsent", **keyed(answer), **asked)
    typed = {"number": answer["number"].replace(" ", ""), "code": answer["code"].lower()}
    assert client.do("GiveConsent", **typed, **asked) == given
    assert events(at, answer).count("ConsentGiven") == 2


def test_a_consent_says_in_which_language_its_text_was_shown(at):
    client, answer = registered(at)
    given = client.do("GiveConsent", **keyed(answer), consent={"kind": "NEWS", "version": "v1", "language": "KA"})
    shown = client.ask("Status", **keyed(answer), atLeast=given["token"])["consents"]
    assert {each["kind"]: each["language"] for each in shown} == {"PERSONAL_DATA": "EN", "NEWS": "KA"}, (
        "where the program does not say, the texts were shown as `office` shows them to it"
    )
    assert {text["language"] for text in at.client(language="ka").ask("Office")["consents"]} == {"KA"}
    call = client.do("EnterBar", **keyed(answer), consent="v1", consentLanguage="KA", camera=True, microphone=True)
    client.do("LeaveBar", **keyed(answer))
    requested = at.house.ledger.reader.stream(UUID(call["call"]))[0].event
    assert requested.consent_language is Language.KA


def test_an_unknown_outcome_is_said_with_the_command_id(at, monkeypatch):
    client, answer = registered(at)

    def died(*_, **__):
        raise OutcomeUnknown

    monkeypatch.setattr(at.house.compatriot, "give_consent", died)
    told = client.send("GiveConsent", input={**keyed(answer), "consent": {"kind": "NEWS", "version": "v1"}})
    assert (told.status_code, told.headers["Retry-After"]) == (503, "1")
    known = told.json()["errors"][0]["extensions"]
    assert known["code"] == "OUTCOME_UNKNOWN"
    monkeypatch.undo()
    again = {"consent": {"kind": "NEWS", "version": "v1"}, "commandId": known["commandId"]}
    client.do("GiveConsent", **keyed(answer), **again)


def test_every_fault_of_a_form_is_told_at_once_in_both_languages(at):
    client, asked = drafted(at)
    asked["form"] = form("other@example.org", birthDate="2999-01-01", telephone="12", citizenships=["XX"])
    asked["documents"] = asked["documents"][:1]
    told = {}
    for client.language in ("ka", "en"):
        refused = client.ask("RegisterApplication", input=asked)
        assert refused["code"] == "FORM_REFUSED"
        told[client.language] = {(fault["field"], fault["code"]): fault["message"] for fault in refused["faults"]}
    assert told["ka"].keys() == told["en"].keys()
    assert {field for field, _ in told["en"]} >= {"birthDate", "telephone", "citizenships[0]", "email", "documents"}
    for place, sentence in told["ka"].items():
        assert sentence != told["en"][place]
        assert any("ა" <= letter <= "ჰ" for letter in sentence)


def test_uploads_of_another_draft_cannot_be_enclosed(at):
    (one, first), (two, second) = drafted(at), drafted(at)
    assert one.refused("RegisterApplication", **{**first, "documents": second["documents"]}) == "UPLOAD_UNKNOWN"
    two.do("RegisterApplication", **second)


def test_an_operator_who_verified_cannot_be_its_officer(at):
    """lali-operator and lali-officer are two accounts of one person."""
    from window import paid

    client, answer = registered(at)
    paid(at, answer)
    seen(at, client, answer, operator="lali-operator")
    assert at.staff("lali-officer").refused("StartReview", case=answer["case"]) == "SAME_PERSON"
    at.staff("officer-2").do("StartReview", case=answer["case"])
