"""Every sentence stands in both languages, says only what it is told, and lets nobody put words into it."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import re
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from email.message import EmailMessage
from email.policy import SMTP
from enum import Enum
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError

import texts
from domain.refusals import REFUSALS
from texts.mails import COMMON
from texts.sentences import facts_named, sentences

PACKAGES = ("domain", "ledger", "projections", "housekeeping", "gateways", "consumers", "api", "sarkmeli")
LANGUAGES = ("ka", "en")
GEORGIAN = re.compile("[\u10d0-\u10ff]")
LATIN_WORD = re.compile(r"[A-Za-z]{3,}")


def import_everything() -> None:
    for package in PACKAGES:
        top = importlib.import_module(package)
        for module in pkgutil.walk_packages(top.__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


import_everything()
OURS = {code: refusal for code, refusal in REFUSALS.items() if refusal.__module__.split(".")[0] in PACKAGES}


@pytest.mark.parametrize("code", sorted(OURS))
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_has_its_sentence(code: str, language: str) -> None:
    sentence = sentences(texts.Language(language), "refusals")[code]
    assert bool(GEORGIAN.search(sentence)) == (language == "ka")
    refusal = OURS[code]
    known = {field.name for field in fields(refusal)} if is_dataclass(refusal) else set()
    assert facts_named(sentence) <= known


def test_no_sentence_is_left_over_from_a_refusal_that_is_gone() -> None:
    for language in texts.Language:
        assert set(sentences(language, "refusals")) <= set(OURS)


@pytest.mark.parametrize(
    "book", ["refusals", "form", "words", "start", "status", "activate", "centre", "events", "sms"]
)
def test_both_languages_have_the_same_sentences_and_name_the_same_facts(book: str) -> None:
    georgian, english = (sentences(language, book) for language in texts.Language)
    assert georgian.keys() == english.keys()
    for key in georgian:
        assert facts_named(georgian[key]) <= facts_named(english[key]) | facts_named(georgian[key]), key
        assert georgian[key]
        assert english[key]


def test_a_sentence_that_is_not_there_is_a_loud_mistake() -> None:
    for missing in (
        lambda: texts.say("ka", "refusals", "NOTHING"),
        lambda: texts.say("ka", "no book", "NOTHING"),
        lambda: texts.mail("../words", "ka"),
        lambda: texts.consent("../../words", "ka", "v1"),
        lambda: texts.consent("news", "ka", "v9"),
        lambda: texts.document("nothing", "ka"),
    ):
        with pytest.raises(texts.NoSuchText):
            missing()


def test_facts_read_as_the_language_has_them() -> None:
    class Side(Enum):
        FEE = "FEE"

    assert texts.spoken(date(2026, 3, 2), texts.Language.KA) == "2 მარტი, 2026"
    assert texts.spoken(date(2026, 3, 2), texts.Language.EN) == "2 March 2026"
    assert texts.spoken(datetime(2026, 3, 1, 21, 30, tzinfo=UTC), texts.Language.EN) == "2 March 2026, 01:30"
    money = SimpleNamespace(amount=Decimal("50.00"), currency="GEL")
    assert texts.spoken(money, texts.Language.KA) == "50.00 ლარი"
    assert texts.spoken((Side.FEE, "x"), texts.Language.EN) == "the fee, x"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "ka"),
        ("", "ka"),
        ("en", "en"),
        ("en-GB,ka;q=0.9", "en"),
        ("ka,en", "ka"),
        ("de,en;q=0.1", "en"),
        ("de", "ka"),
        ("en;q=0", "ka"),
        ("en;q=0.4,ka-GE;q=0.8", "ka"),
        ("en;q=x", "ka"),
        ("*", "ka"),
        ("," * 9999, "ka"),
    ],
)
def test_the_language_that_a_browser_likes_best(header: str | None, language: str) -> None:
    assert texts.preferred(header) == language


# -- consents -------------------------------------------------------------------------------------------------------

PUBLISHED = {
    "ka/call-recording-v1": "0629553078e5084a",
    "en/call-recording-v1": "c5c9903829c50fe3",
    "ka/messages-by-email-v1": "176247125fb843d2",
    "en/messages-by-email-v1": "5607636644176626",
    "ka/obligations-by-sms-v1": "5ff920df8ba35afa",
    "en/obligations-by-sms-v1": "e0333f7e9476d8cc",
    "ka/news-v1": "4da031d4ee2c05c8",
    "en/news-v1": "389b1553a57bfb4a",
    "ka/personal-data-v1": "91e3eefdb7192be1",
    "en/personal-data-v1": "1274869ef9113323",
}
"""What people have agreed to. A text that is here never changes again: a change is a new version."""


def test_a_published_consent_never_changes() -> None:
    found = {
        f"{language}/{kind}-{version}": hashlib.sha256(texts.consent(kind, language, version).encode()).hexdigest()[:16]
        for language in LANGUAGES
        for kind in ("call-recording", "messages-by-email", "news", "obligations-by-sms", "personal-data")
        for version in texts.consent_versions(kind)
    }
    assert found == PUBLISHED


def test_every_kind_of_consent_has_its_text() -> None:
    from domain.consents import ConsentKind

    for kind in [*ConsentKind, "CALL_RECORDING"]:
        assert texts.consent_versions(kind), kind
        for language in LANGUAGES:
            assert texts.consent(kind, language, texts.consent_versions(kind)[-1]).startswith("# ")


# -- mails ----------------------------------------------------------------------------------------------------------

MAILS = {
    "registered",
    "email_code",
    "one_time_code",
    "information_requested",
    "paid",
    "reception_refused",
    "refund_due",
    "refunded",
    "decision_ready",
    "expiry_warned",
    "lapsed",
    "withdrawn",
    "code_reissued",
    "resend",
    "registration_filed",
    "registration_code_reissued",
    "registration_resend",
    "registration_superseded",
    "registration_expiry_warned",
    "registration_expired",
    "activation_link",
    "activation_refused",
    "activated",
    "password_link",
    "password_changed",
}
HOSTILE = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.sampled_from([
        "a\r\nBcc: everybody@example.org", "<script>alert(1)</script>", "{{ 7 * 7 }}", "{% raw %}", "\u2028x", "\x00",
        "\"><img src=x onerror=alert(1)>", "\u202emoc.live", "a\nSubject: b\n\nbody", "{number}", "&amp;", "'\"",
    ]),
)  # fmt: skip
ADDRESSES = {
    "status_url": "https://window.example/status",
    "pay_url": "https://window.example/pay/x?a=1&b=2",
    "address": "https://window.example/activate#x",
}


class Tags(HTMLParser):
    """What a mail's HTML holds, read as a mail program would."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.links: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name == "href"]
        assert all(name in {"lang", "charset", "name", "content", "style", "role", "href"} for name, _ in attrs)

    def handle_data(self, data) -> None:
        self.words += data


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_did_not_activate_is_led_to_where_a_new_link_is_asked_for(language):
    facts = {"number": "1", "username": "nino", "by_link": True, "office_name": "x", **ADDRESSES}
    written = texts.mail("activated", language, **facts)
    assert Tags(written.html).links == [ADDRESSES["status_url"], ADDRESSES["address"]]


def render(name: str, language: str, facts: dict[str, object]) -> texts.Letter:
    given_facts = {fact: facts.get(fact, "x") for fact in (*texts.mail_facts(name), *COMMON)} | ADDRESSES
    for items, wanted in texts.mail_items(name).items():
        item = {fact: facts.get(fact, "x") for fact in wanted} | ADDRESSES
        given_facts[items] = [item, item]
    return texts.mail(name, language, **given_facts)


def test_the_mails_are_those_that_the_office_sends_and_both_languages_have_them() -> None:
    assert set(texts.mail_names()) == MAILS
    for name in MAILS:
        for language in LANGUAGES:
            letter = render(name, language, {})
            assert bool(GEORGIAN.search(letter.subject)) == (language == "ka")
            assert bool(GEORGIAN.search(letter.text)) == (language == "ka")
            if language == "ka":
                assert not LATIN_WORD.search(re.sub(r"https?://\S+", "", letter.text))


@settings(deadline=None, max_examples=25)
@given(data=st.data())
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sorted(MAILS))
def test_no_fact_adds_a_header_a_line_or_a_tag(name: str, language: str, data: st.DataObject) -> None:
    plain = render(name, language, {})
    facts = frozenset(COMMON).union(texts.mail_facts(name), *texts.mail_items(name).values())
    letter = render(name, language, {fact: "x" + data.draw(HOSTILE) for fact in facts})
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", letter.subject)
    assert len(letter.text.split("\n")) == len(plain.text.split("\n"))
    assert Tags(letter.html).tags == Tags(plain.html).tags
    assert Tags(letter.html).links == Tags(plain.html).links
    sent = EmailMessage(policy=SMTP)
    sent["Subject"] = letter.subject
    sent.set_content(letter.text)
    sent.add_alternative(letter.html, subtype="html")
    assert b"\r\nBcc:" not in sent.as_bytes().partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("name", sorted(MAILS))
def test_html_says_what_the_text_says(name: str) -> None:
    letter = render(name, "en", {"number": "1234-567-890", "code": "ABCD-EFGH"})
    squeezed = re.sub(r"[\s:]+", "", Tags(letter.html).words)
    for line in letter.text.split("\n"):
        if line.strip() and not line.startswith(("--", "http")):
            assert re.sub(r"[\s:]+", "", line) in squeezed, line


@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://x y", "https://x\nBcc: a", 'https://x"', "", "//x"])
def test_a_mail_links_to_http_addresses_only(address: str) -> None:
    with pytest.raises(ValueError, match="http"):
        texts.mail("decision_ready", "ka", number="1", office_name="x", status_url=address)


def test_a_mail_says_one_part_for_every_item() -> None:
    links = [{"username": f"gadamkhdeli{n}", "filed": date(2026, 3, n), "address": f"https://x/#{n}"} for n in (1, 2)]
    facts = {"office_name": "x", "status_url": "https://x", "until": datetime(2026, 3, 3, tzinfo=UTC)}
    letter = texts.mail("activation_link", "en", registrations=links, **facts)
    assert [link for link in Tags(letter.html).links if link] == ["https://x/#1", "https://x/#2"]
    assert "gadamkhdeli1, filed on 1 March 2026:\nhttps://x/#1\n\ngadamkhdeli2" in letter.text
    with pytest.raises(UndefinedError):
        texts.mail("activation_link", "en", **facts)


def test_only_mails_about_the_code_hold_it() -> None:
    assert {name for name in MAILS if "code" in texts.mail_facts(name)} == {
        "registered", "email_code", "one_time_code", "code_reissued", "resend",
        "registration_filed", "registration_code_reissued", "registration_resend",
    }  # fmt: skip
    assert not {"text", "reasons", "outcome", "name"} & {fact for name in MAILS for fact in texts.mail_facts(name)}
