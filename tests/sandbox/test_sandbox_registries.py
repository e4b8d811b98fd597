"""The sandbox's people and companies fit together, and its home page shows what there is to meet."""

from __future__ import annotations

from neighbours import Sandbox

from sandbox import invented
from sandbox.companies import COMPANIES
from sandbox.oidc.accounts import ACCOUNTS
from sandbox.people import PEOPLE


def test_the_registries_hold_a_few_dozen_people_and_everything_a_consultant_may_meet() -> None:
    people, companies = PEOPLE.values(), COMPANIES.values()
    assert len(people) >= 36
    assert len(companies) >= 15
    assert len({person.document.number for person in people}) == len(people)
    assert any(person.died for person in people)
    assert any(person.former_surname for person in people)
    assert any(person.citizenships == ("DE",) for person in people)
    assert any(person.email is None for person in people)
    assert any(company.struck_off for company in companies)
    assert any(company.email is None for company in companies)
    assert any(len(company.representatives) > 1 for company in companies)


def test_consultants_are_persons_of_the_registry_and_some_represent_a_company() -> None:
    consultants = [account for account in ACCOUNTS.values() if "consultant" in account.roles]
    numbers = {account.personal_number for account in consultants}
    assert None not in numbers
    assert numbers <= PEOPLE.keys()
    for account in consultants:
        person = PEOPLE[account.personal_number or ""]
        assert account.full_name == f"{person.first_name.ka} {person.surname.ka}"
    represented = {each.personal_number for company in COMPANIES.values() for each in company.representatives}
    assert numbers & represented
    assert len({account.centre for account in consultants}) > 2


def test_whoever_needs_a_fresh_taxpayer_makes_one_up() -> None:
    made_up = invented.person("99000000017")
    assert made_up is not None
    assert made_up == invented.person("99000000017")
    assert (made_up.citizenships, made_up.died, made_up.email) == (("GE",), None, "99000000017@taxpayers.example.org")
    company = invented.company("990000017")
    assert company is not None
    assert [each.personal_number for each in company.representatives] == ["99990000017"]
    assert invented.person("99990000017") is not None
    assert (invented.person("98000000017"), invented.company("980000017")) == (None, None)


def test_a_consultants_token_says_who_they_are_and_where(shared_sandbox: Sandbox) -> None:
    def told(account: str) -> dict[str, object]:
        token = shared_sandbox.token(account)
        return shared_sandbox.ask("GET", "/oidc/userinfo", headers={"Authorization": f"Bearer {token}"}).json()

    sitting, on_video, officer = told("consultant-kutaisi"), told("consultant-video"), told("officer-1")
    assert (sitting["personal_number"], sitting["centre"]) == ("60001098812", "kutaisi")
    assert on_video["personal_number"] == "01027066129"
    assert "centre" not in on_video
    assert not {"personal_number", "centre"} & officer.keys()


def test_the_home_page_shows_everybody(shared_sandbox: Sandbox) -> None:
    shown = shared_sandbox.ask("GET", "/").text
    assert all(number in shown for number in (*PEOPLE, *COMPANIES, *ACCOUNTS))
