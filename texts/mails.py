"""Mails: one TOML file each, from which the subject, the plain text and the HTML are made, so they never disagree.

A file holds ``subject`` and an array of ``part``s, each one of ``say`` (a paragraph), ``table`` (rows of two cells)
or ``link`` (words and an address), with ``when`` to leave it out if that fact is missing or false, or ``each`` to say
it once for every item of that fact, a sequence of mappings. Every string is a Jinja template. No fact can add a line,
to the header least of all, and in the HTML each is escaped.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from jinja2 import StrictUndefined, Template, UndefinedError, meta
from jinja2.sandbox import SandboxedEnvironment

from texts.languages import Language, language, on_one_line
from texts.sentences import FOLDER, NoSuchText, spoken

PLAIN: Final = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)
HTML: Final = SandboxedEnvironment(undefined=StrictUndefined, autoescape=True)
COMMON: Final = ("office_name", "status_url")
"""Facts that every mail is given: who writes, and where the case can be looked up."""


class Letter(NamedTuple):
    """A mail ready to send."""

    subject: str
    text: str
    html: str


def mail(name: str, tongue: str, **facts: Any) -> Letter:
    """The mail ``name`` in that language with ``facts`` (see `mail_facts`); dates, sums and enums may be given raw.

    Raises: NoSuchText; jinja2.UndefinedError if a fact is missing; ValueError if a link is not an http address.
    """
    chosen = language(tongue)
    letter = _letter(name, chosen)
    lists = {part["each"] for part in letter["part"] if "each" in part}
    told = _told({fact: value for fact, value in facts.items() if fact not in lists}, chosen)
    parts = list(_parts(letter, chosen, facts, told))
    subject = on_one_line(_template(letter["subject"]).render(told))
    paragraphs = "\n\n".join(_as_text(part, known) for part, known in parts)
    text = f"{paragraphs}\n\n-- \n{on_one_line(str(told['office_name']))}\n"
    return Letter(subject=subject, text=text, html=_as_html(chosen, subject, parts, told))


@cache
def mail_facts(name: str) -> frozenset[str]:
    """The facts that the mail ``name`` wants, in either language, without those of `COMMON`. Raises: NoSuchText."""
    named: set[str] = set()
    for tongue in Language:
        letter = _letter(name, tongue)
        named |= _named([letter["subject"]])
        for part in letter["part"]:
            named |= {part[condition] for condition in ("when", "each") if condition in part}
            if "each" not in part:
                named |= _named(_strings(part))
    return frozenset(named - set(COMMON))


@cache
def mail_items(name: str) -> Mapping[str, frozenset[str]]:
    """What the mail ``name`` wants to know of every item, by the fact that holds the items. Raises: NoSuchText."""
    named: dict[str, frozenset[str]] = {}
    for tongue in Language:
        for part in _letter(name, tongue)["part"]:
            if "each" in part:
                named[part["each"]] = named.get(part["each"], frozenset()) | _named(_strings(part))
    return {items: facts - set(COMMON) for items, facts in named.items()}


def mail_names() -> tuple[str, ...]:
    """Every mail there is."""
    return tuple(sorted(file.stem for file in (FOLDER / "ka" / "mails").glob("*.toml")))


@cache
def _letter(name: str, tongue: Language) -> dict[str, Any]:
    file = FOLDER / tongue / "mails" / f"{name}.toml"
    if not name.isidentifier() or not file.is_file():
        raise NoSuchText(f"mail {name}")
    return tomllib.loads(file.read_text(encoding="utf-8"))


@cache
def _template(string: str) -> Template:
    return PLAIN.from_string(string)


@cache
def _page() -> Template:
    return HTML.from_string((FOLDER / "mail.html.jinja").read_text(encoding="utf-8"))


def _told(facts: Mapping[str, Any], tongue: Language) -> dict[str, Any]:
    """The facts as they read in that language, each on one line."""
    as_spoken = {fact: spoken(value, tongue) for fact, value in facts.items()}
    return {fact: on_one_line(value) if isinstance(value, str) else value for fact, value in as_spoken.items()}


def _parts(
    letter: dict[str, Any], tongue: Language, facts: Mapping[str, Any], told: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every part that is said, with the facts that it is said of. Raises: UndefinedError if its items are missing."""
    for part in letter["part"]:
        if "each" in part:
            if part["each"] not in facts:
                raise UndefinedError(f"{part['each']} is undefined")
            yield from ((part, {**told, **_told(item, tongue)}) for item in facts[part["each"]])
        elif "when" not in part or told.get(part["when"]):
            yield part, told


def _named(strings: list[str]) -> frozenset[str]:
    return frozenset(fact for string in strings for fact in meta.find_undeclared_variables(PLAIN.parse(string)))


def _strings(part: dict[str, Any]) -> list[str]:
    match part:
        case {"say": sentence}:
            return [sentence]
        case {"table": rows}:
            return [cell for row in rows for cell in row]
        case {"link": [words, address]}:
            return [words, address]
        case _:
            raise ValueError(f"a mail's part says nothing: {sorted(part)}")


def _as_text(part: dict[str, Any], told: dict[str, Any]) -> str:
    rendered = [_template(string).render(told).strip() for string in _strings(part)]
    if "table" in part:
        return "\n".join(f"    {label}: {value}" for label, value in _pairs(rendered))
    if "link" in part:
        return f"{rendered[0]}:\n{_address(rendered[1])}"
    return rendered[0]


def _as_html(
    tongue: Language, subject: str, parts: list[tuple[dict[str, Any], dict[str, Any]]], told: dict[str, Any]
) -> str:
    blocks: list[dict[str, Any]] = []
    for part, known in parts:
        plain = [_template(string).render(known).strip() for string in _strings(part)]
        if "table" in part:
            blocks.append({"kind": "table", "rows": _pairs(plain)})
        elif "link" in part:
            blocks.append({"kind": "link", "words": plain[0], "address": _address(plain[1])})
        else:
            blocks.append({"kind": "say", "lines": plain[0].splitlines()})
    return _page().render(language=tongue, subject=subject, blocks=blocks, office_name=told["office_name"])


def _pairs(cells: list[str]) -> list[tuple[str, str]]:
    return list(zip(cells[0::2], cells[1::2], strict=True))


def _address(address: str) -> str:
    if not address.startswith(("https://", "http://")) or any(c in address for c in ' \n\r\t"<>'):
        raise ValueError("a mail links to http addresses only")
    return address
