"""The registration form on paper goes to whoever shows number and code, and to nobody else."""

from uuid import UUID, uuid4

import pypdfium2
import pytest
import zxingcpp
from neighbours import HTTP
from taxpayers import filed
from window import keyed, registered

from domain.people import Actor, Role
from domain.taxpayer.registration import Registration
from texts import fonts


@pytest.fixture(scope="module", autouse=True)
def _fonts():
    fonts.prepare()


def asked_for(at, client, body):
    return HTTP.post(f"{at.url}/documents/registration-form", json=body, headers=client.headers)


def other(code):
    return code[:-1] + ("0" if code[-1] != "0" else "1")


def test_the_form_is_as_it_was_filed_and_its_code_leads_the_consultant_to_it(at):
    client, answer, form = filed(at)
    given = asked_for(at, client, keyed(answer))
    assert (given.status_code, given.headers["content-type"]) == (200, "application/pdf")
    assert given.headers["cache-control"] == "no-store"
    assert "attachment" in given.headers["content-disposition"]
    page = pypdfium2.PdfDocument(given.content)[0]
    text = " ".join(page.get_textpage().get_text_bounded().split())
    for told in (form["username"], form["identification"], form["mobile"], form["email"]):
        assert told in text
    number = answer["number"].replace(" ", "")
    assert f"{number[:3]} {number[3:6]} {number[6:]}" in text
    assert answer["code"] not in text
    assert answer["code"].replace("-", "") not in text
    (code,) = zxingcpp.read_barcodes(page.render(scale=2).to_pil())
    assert code.text == f"{at.house.facts.url}/centre#{number}"
    assert asked_for(at, client, keyed(answer)).content == given.content


def test_a_wrong_number_and_a_wrong_code_are_answered_alike(at):
    client, answer, _ = filed(at)
    unknown, wrong = (
        asked_for(at, client, {"number": number, "code": code})
        for number, code in (("1234567890", answer["code"]), (answer["number"], other(answer["code"])))
    )
    assert unknown.status_code == wrong.status_code == 404
    assert unknown.json() == wrong.json()
    assert unknown.json()["code"] == "WRONG_NUMBER_OR_CODE"
    for _ in range(5):
        last = asked_for(at, client, {"number": answer["number"], "code": other(answer["code"])})
    assert (last.status_code, last.json()["code"]) == (429, "TOO_MANY_TRIES")


def test_a_registration_that_ended_and_a_case_of_another_service_have_no_form(at):
    client, answer, _ = filed(at)
    house, case = at.house, UUID(answer["case"])
    act = house.office.act(Actor(str(case), Role.ADDRESSEE), str(uuid4()))
    registration = house.office.load(Registration, case)
    registration.supersede(act, by=uuid4())
    house.office.commit(registration, act=act)
    ended = asked_for(at, client, keyed(answer))
    assert (ended.status_code, ended.json()["code"]) == (409, "REGISTRATION_ENDED")
    applicant, application = registered(at)
    none = asked_for(at, applicant, keyed(application))
    assert (none.status_code, none.json()["code"]) == (404, "NOTHING_THERE")


@pytest.mark.parametrize(
    "body", [{}, {"number": 1, "code": "x"}, {"number": "1"}, {"number": "1" * 101, "code": "x"}, []]
)
def test_what_is_no_number_and_code_is_malformed(at, body):
    assert asked_for(at, at.client(), body).status_code == 400
