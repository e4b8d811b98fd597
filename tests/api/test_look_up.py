"""``/``, where every mail leads: a page that asks only what production lets a browser ask."""

import json
import re

import pytest
from neighbours import HTTP
from test_production import closed  # noqa: F401 - a fixture

import texts
from api.documents import TrustedDocuments


def given(page):
    found = re.search(r'<script type="application/json" id="given">(.*?)</script>', page.text, re.DOTALL)
    return json.loads(found[1])


@pytest.mark.parametrize("tongue", list(texts.Language))
def test_the_page_speaks_the_language_that_is_asked_for(at, tongue):
    page = HTTP.get(f"{at.url}/?language={tongue}", headers={"Accept-Language": "en"})
    assert f'<html lang="{tongue}">' in page.text
    assert texts.say(tongue, "status", "look") in page.text
    assert "unsafe" not in page.headers["content-security-policy"]


def test_production_has_the_page_with_its_files_and_takes_what_it_asks(closed):  # noqa: F811
    page = HTTP.get(f"{closed}/")
    trusted = TrustedDocuments.read()
    operations = given(page)["operations"]
    assert operations
    assert all(trusted.holds(text) for text in operations.values())
    for path in re.findall(r'(?:src|href)="(/[\w.]+)"', page.text):
        assert HTTP.get(f"{closed}{path}").status_code == 200, path


def test_every_mail_leads_to_a_page(at):
    letter = texts.mail("resend", "en", number="1", code="2", office_name="x", status_url=at.house.facts.url)
    assert HTTP.get(re.search(r'href="([^"]+)"', letter.html)[1]).status_code == 200
