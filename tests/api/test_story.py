"""The whole story through GraphQL, by people who know nothing but the schema."""

from uuid import UUID

import psycopg
from neighbours import HTTP
from psycopg import sql
from window import SAMPLES, keyed, mailed_code, paid, registered, sample, seen

from domain.compatriot.application import Application
from domain.number import group_code
from ledger.keys import KeyStore, SubjectErased, UnknownKey
from projections.status import STATUS
from projections.waiting import Waiting


def test_from_registration_to_the_decision(at):
    client, answer = registered(at)
    page = paid(at, answer)
    assert "The fee is paid" in page.text or "გადახდილია" in page.text
    verified = seen(at, client, answer)
    status = client.ask("Status", **keyed(answer), atLeast=verified["token"])
    assert (status["state"], status["missing"]) == ("IN_TERM", [])
    assert [step["rule"] for step in status["due"]] == ["TERM"]
    assert status["due"][0]["days"] == 80

    officer, chief, auditor = at.staff("officer-1"), at.staff("chief"), at.staff("auditor")
    case = answer["case"]
    asked = officer.do("StartReview", case=case) and officer.do(
        "RequestInformation", case=case, text="Since when have you lived in Germany?"
    )
    status = client.ask("Status", **keyed(answer), atLeast=asked["token"])
    assert status["state"] == "INFORMATION_REQUESTED"
    assert status["said"][-1]["text"] == "Since when have you lived in Germany?"
    draft = client.do("OpenPapersDraft", **keyed(answer), bearer=True)["token"]
    letter = client.upload("INFORMATION", sample(at, "motivation-letter.pdf"), token=draft)
    provided = client.do("ProvideInformation", **keyed(answer), text="Since 2009.", documents=[letter], draft=draft)
    shown = officer.ask("Case", id=case, atLeast=provided["token"])
    assert shown["file"]["form"]["nameLatin"] == {"first": "Nino", "last": "Maisuradze"}
    assert shown["file"]["said"][-1]["text"] == "Since 2009."
    assert shown["calls"][0]["will"] == "She asks for the status of compatriot."

    paper = officer.do("OpenCaseDraft", case=case)["token"]
    enclosed = officer.upload("OTHER", sample(at, "passport.pdf"), token=paper)
    officer.do("AttachDocument", case=case, draft=paper, document=enclosed)
    officer.do("PrepareConclusion", case=case, text="Lives abroad since 2009.", recommends="GRANTED")
    decided = chief.do("Decide", case=case, outcome="GRANTED", reasons="As concluded.")
    status = client.ask("Status", **keyed(answer), atLeast=decided["token"])
    assert status["state"] == "DECIDED"
    assert "GRANTED" not in str(status)

    received = client.do("ReceiveDecision", **keyed(answer))
    assert (received["outcome"], received["reasons"]) == ("GRANTED", "As concluded.")
    files = [HTTP.post(f"{at.url}/documents", json={"ticket": received["document"]}) for _ in range(2)]
    assert files[0].content == files[1].content
    assert files[0].content.startswith(b"%PDF-")
    again = client.do("ReceiveDecision", **keyed(answer))
    assert again["outcome"] == "GRANTED"
    events = [event["name"] for event in auditor.ask("CaseEvents", number=answer["number"])["events"]]
    assert events == [
        "Registered", "ConsentGiven", "Paid", "VideoVerified", "ReviewStarted", "InformationRequested",
        "InformationProvided", "DocumentAttached", "ConclusionPrepared", "Decided", "DecisionDelivered",
    ]  # fmt: skip
    status = client.ask("Status", **keyed(answer), atLeast=received["token"])
    assert status["state"] == "DELIVERED"


def test_the_holder_downloads_what_was_filed_and_staff_do_on_record(at):
    client, answer = registered(at)
    status = client.ask("Status", **keyed(answer), atLeast=answer["token"])
    kinds = [document["kind"] for document in status["documents"]]
    assert kinds == list(SAMPLES.values())
    letter = status["documents"][-1]
    file = HTTP.post(f"{at.url}/documents", json={"ticket": letter["ticket"]})
    assert (file.status_code, file.headers["content-type"], len(file.content)) == (
        200, "application/pdf", letter["size"],
    )  # fmt: skip
    assert file.headers["content-disposition"].startswith("attachment")
    assert HTTP.post(f"{at.url}/documents", json={"ticket": letter["ticket"][:-2] + "AA"}).status_code == 404

    by_staff = f"{at.url}/documents/{answer['case']}/{letter['id']}"
    assert HTTP.post(by_staff).status_code == 401
    assert HTTP.post(by_staff, headers=at.staff("cashier").headers).status_code == 403
    assert HTTP.post(by_staff, headers=at.staff("operator-2").headers).status_code == 404
    assert HTTP.post(by_staff, headers=at.staff("officer-2").headers).content == file.content


def test_withdrawing_asks_for_a_code_from_the_mail(at):
    email = "withdrawing@example.org"
    client, answer = registered(at, email)
    assert client.refused("Withdraw", **keyed(answer), oneTimeCode="000000") == "ONE_TIME_CODE_WRONG"
    client.do("RequestOneTimeCode", **keyed(answer))
    asked = {**keyed(answer), "oneTimeCode": mailed_code(at, email), "commandId": answer["case"]}
    withdrawn = client.do("Withdraw", **asked)
    assert client.do("Withdraw", **asked) == withdrawn
    assert client.ask("Status", **keyed(answer), atLeast=withdrawn["token"])["state"] == "WITHDRAWN"


def test_a_re_sent_code_goes_to_the_confirmed_address_only(at):
    email = "forgetful@example.org"
    client, answer = registered(at, email)
    told = client.do("ResendCode", number=answer["number"], email="stranger@example.org")
    assert client.do("ResendCode", number=answer["number"], email=email) == told
    mails = at.sandbox.mails(email, wait=10)
    newest = at.sandbox.ask("GET", "/mailbox/messages", params={"to": email, "after": mails[0]["id"], "wait": 10})
    assert answer["code"] in newest.json()["messages"][-1]["text"]
    assert at.sandbox.mails("stranger@example.org", wait=0) == []


def test_a_replaced_code_opens_nothing_from_the_answer_on(at, monkeypatch):
    """The status, by which a code is verified, is held back until the answer waits for it."""
    client, answer = registered(at)
    client.ask("Status", **keyed(answer), atLeast=answer["token"])
    wait_for = Waiting.wait_for
    with psycopg.connect(at.house.settings.ledger_conninfo) as holding_back:
        holding_back.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(STATUS.applications.at()))

        def let_go(*asked):
            holding_back.rollback()
            return wait_for(*asked)

        monkeypatch.setattr(Waiting, "wait_for", let_go)
        client.do("ReissueCode", **keyed(answer))
        assert client.ask("Status", **keyed(answer))["code"] == "WRONG_NUMBER_OR_CODE"
    new = group_code(at.house.compatriot.code_of(UUID(answer["case"])))
    assert "state" in client.ask("Status", number=answer["number"], code=new)


def test_a_code_is_replaced_also_while_the_status_hangs(at, monkeypatch):
    client, answer = registered(at)
    with monkeypatch.context() as hanging:
        hanging.setattr(Waiting, "wait_for", lambda *_: False)
        changed = client.do("ReissueCode", **keyed(answer))
    client.ask("Status", number="0000000000", code="x", atLeast=changed["token"])
    assert client.ask("Status", **keyed(answer))["code"] == "WRONG_NUMBER_OR_CODE"


def test_a_file_that_is_gone_is_not_there_and_a_wrong_key_store_is_not_taken_for_that(at, monkeypatch):
    client, answer = registered(at)
    letter = client.ask("Status", **keyed(answer), atLeast=answer["token"])["documents"][-1]
    for gone, status in ((UnknownKey("never minted"), 500), (SubjectErased("destroyed"), 404), (None, 404)):
        with monkeypatch.context() as keys:
            if gone is None:
                at.house.files.erase(at.house.office.load(Application, UUID(answer["case"])).documents[-1].file)
            else:
                keys.setattr(KeyStore, "unwrap", raising(gone))
            assert HTTP.post(f"{at.url}/documents", json={"ticket": letter["ticket"]}).status_code == status


def raising(error):
    def raise_it(*_):
        raise error

    return raise_it
