"""`sarkmeli erase`, beside an office that runs: two persons, and a number that then never was, and history stands."""

import re
from urllib.parse import urlsplit

import pytest
from running_office import sarkmeli

from sarkmeli.outside import Refused
from sarkmeli.story import AUDITOR, OFFICER, Story

FIRST, SECOND = "data-protection-1", "data-protection-2"
GROUND = ("--ground", "DATA_SUBJECT_REQUEST")
OTHER = ("--ground", "CONSENT_WITHDRAWN")


@pytest.fixture(scope="module")
def story(shared_office):
    """A case from its form to its delivered decision."""
    told = Story(shared_office.outside())
    for step in told.steps():
        step.do()
    return told


def command(office, account, *arguments):
    environment = {"SARKMELI_SANDBOX_PORT": str(urlsplit(office.sandbox).port)}
    if account is not None:
        environment["SARKMELI_STAFF_TOKEN"] = office.outside()._token(account)
    return sarkmeli(*arguments, "--language", "en", "--folder", str(office.folder), **environment)


def looked_up(story, number, code):
    with pytest.raises(Refused) as refused:
        story.outside.ask("Status", number=number, code=code)
    return str(refused.value)


def test_two_persons_erase_a_case_and_its_bare_facts_stay(shared_office, story):
    def erase(account, *arguments):
        return command(shared_office, account, "erase", *arguments)

    for account, arguments, why in (
        (
            None,
            (story.number, *GROUND),
            "no token was given: a data protection officer's token is needed, by SARKMELI_",
        ),
        (OFFICER, (story.number, *GROUND), "a data protection officer's token is needed"),
        (FIRST, ("1234567890", *GROUND), "there is no case of this number"),
        (FIRST, (story.number,), "nobody has asked for it yet"),
        (FIRST, (), "say either a case's number, or --resume"),
    ):
        status, said = erase(account, *arguments)
        assert (status, why in said, "Traceback" in said) == (1, True, False), said
    status, said = erase(FIRST, story.number, *GROUND)
    assert status == 0, said
    assert "article 16" in said
    assert "another person confirms it" in said
    status, said = erase(FIRST, story.number)
    assert (status, "Another person must confirm" in said) == (1, True), said
    assert story.outside.ask("Status", number=story.number, code=story.code)["number"]

    for ground, why in (((), "again with the same ground: --ground DATA_SUBJECT_REQUEST"), (OTHER, "another ground")):
        status, said = erase(SECOND, story.number, *ground)
        assert (status, why in said, "erased. What is left" in said) == (1, True, False), said
        for words in ("asked for by person-", "article 16", f"to be erased: case {story.case}", "files"):
            assert words in said, said
    assert story.outside.ask("Status", number=story.number, code=story.code)["number"]

    status, said = erase(SECOND, story.number, *GROUND)
    assert status == 0, said
    assert said.index("to be erased") < said.index("erased. What is left")
    case = re.search(r"case's id: (\S+)", said)[1]
    assert case == story.case

    status, said = erase(SECOND, story.number, *GROUND)
    assert (status, "there is no case of this number" in said) == (1, True), said
    status, said = sarkmeli("erase", "--resume", "--folder", str(shared_office.folder))
    assert (status, "no erasure is left half done" in said) == (0, True), said
    assert looked_up(story, story.number, story.code) == looked_up(story, "1234567897", story.code)

    status, said = command(shared_office, AUDITOR, "audit", "replay", case)
    assert status == 0, said
    for words in (
        "the application was filed",
        "Text: (erased)",
        "Reasons: (erased)",
        "asked for it on",
        "are erased: keys",
    ):
        assert words in said, said
    assert "Nino" not in said
    assert story.number.replace(" ", "") not in said.replace(" ", "")
    status, said = sarkmeli("audit", "verify", "--folder", str(shared_office.folder))
    assert (status, "as they were signed" in said) == (0, True), said
    status, said = sarkmeli("projections", "status", "--folder", str(shared_office.folder))
    assert status == 0, said
