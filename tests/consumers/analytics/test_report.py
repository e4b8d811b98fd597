"""The report: the page in a real browser, what the terminal and the machines are told, and the commands themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from browsing import axe, chromium
from mart_facts import NOON, Lives, Step, arrow, rows_of
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from typer.testing import CliRunner

import texts
from consumers.analytics.changes import Changes, Mark
from consumers.analytics.edition import Edition, edition, from_json
from consumers.analytics.report import page, terminal
from consumers.analytics.report.charts import chapters
from consumers.analytics.report.speech import Speech
from consumers.analytics.store import opened
from consumers.warehouse.files import append
from consumers.warehouse.rebuilding import rebuild
from consumers.warehouse.table import Place, open_table, open_warehouse
from sarkmeli.cli import app
from sarkmeli.keeping_marts import FAILED, REFRESHED, keep_marts_once, marts_file
from sarkmeli.settings import Settings

FILED = [Step("application.registered", 0, {"tier": "STANDARD", "grounds": {"origin": True}})]
FITS = """() => new Promise(done => {
  const look = () => document.documentElement.scrollWidth <= innerWidth ? done() : requestAnimationFrame(look);
  look();
})"""
"""Plots are drawn anew when the window got narrower; the page forbids to evaluate a string that says so."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    folder = tmp_path_factory.mktemp("analytics")
    rows = Lives(11).year(NOON, weeks=16, applications=40, registrations=90)
    with opened(folder / "marts.duckdb") as marts:
        marts.take(Changes(Mark("table", 1), [arrow(rows)], [], whole=True))
        return edition(marts, folder / "editions", NOON.date())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = chromium()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


def read(shown: Page) -> dict[str, list[list[str]]]:
    """Every table of the page by its figure's title: the cells as a person reads them."""
    return shown.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('section')].flatMap(section =>"
        " [...section.querySelectorAll('figure')].map(figure => [figure.id,"
        " [...figure.querySelectorAll('tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))])))"
    )


@pytest.mark.parametrize("language", list(texts.Language))
def test_the_page_says_what_the_edition_says_and_asks_nobody(
    told: Edition, browser: Any, tmp_path: Path, language: texts.Language
) -> None:
    file = tmp_path / "report.html"
    page.write(page.page(told, Speech(language)), file)
    assert file.stat().st_size < 1_500_000
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    shown, asked, said = context.new_page(), list[str](), list[str]()
    context.on("request", lambda request: asked.append(request.url))
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda error: said.append(str(error)))
    shown.goto(file.as_uri())
    said_in = chapters(told, Speech(language))
    charts = {f"{chapter.name}-{chart.name}": chart for chapter in said_in for chart in chapter.charts}
    shown.wait_for_selector(f"html[data-drawn='{len(charts)}']")
    assert len(charts) == 13
    assert read(shown) == {name: [list(row) for row in chart.rows] for name, chart in charts.items()}
    assert shown.locator(".plot .main-svg").count() >= len(charts)
    assert shown.locator("html").get_attribute("lang") == str(language)
    shown.evaluate(axe())
    found = shown.evaluate("async () => (await axe.run()).violations.map(one => [one.id, one.nodes.length])")
    assert found == []
    for width in (1280, 390):
        shown.set_viewport_size({"width": width, "height": 900})
        shown.evaluate(FITS)
    assert (asked, said) == ([file.as_uri()], [])
    assert shown.evaluate("fetch('http://127.0.0.1:9/').then(() => 'went', () => 'refused')") == "refused"
    assert "Content Security Policy" in said[0]
    context.close()


def test_without_script_the_tables_stand_open(told: Edition, browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    page.write(page.page(told, Speech(texts.Language.EN)), file)
    context = browser.new_context(java_script_enabled=False)
    shown = context.new_page()
    shown.goto(file.as_uri())
    assert shown.locator("table").first.is_visible()
    context.close()


@pytest.mark.parametrize("language", list(texts.Language))
def test_every_sentence_is_there_in_both_languages(told: Edition, language: texts.Language) -> None:
    from texts.sentences import facts_named, sentences

    mine, other = (sentences(one, "analytics") for one in (language, texts.Language.EN))
    assert mine.keys() == other.keys()
    assert {key: facts_named(text) for key, text in mine.items()} == {
        key: facts_named(text) for key, text in other.items()
    }


def test_the_terminal_says_the_same_numbers(told: Edition) -> None:
    speech = Speech(texts.Language.EN)
    console = Console(width=120, record=True, force_terminal=False, file=open("/dev/null", "w"))  # noqa: SIM115
    terminal.show(console, told, speech)
    text = console.export_text()
    for chapter in chapters(told, speech):
        assert chapter.title in text
        for number, _ in chapter.figures:
            assert number in text
        for chart in chapter.charts:
            assert chart.title in text


def test_what_ends_a_script_cannot_stand_in_the_page(told: Edition) -> None:
    assert str(page._embedded({"label": "</script><script>alert(1)</script>"})).count("<") == 0  # pyright: ignore[reportPrivateUsage]


def test_the_commands_tell_one_thing_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    warehouse = tmp_path / "warehouse"
    table = open_table(Place(f"sqlite:///{warehouse}/catalog.db?timeout=30", str(warehouse)))
    append(table, arrow(Lives(11).year(NOON, weeks=6, applications=20, registrations=30)))
    named = ["--folder", str(tmp_path)]
    monkeypatch.setattr("sarkmeli.analytics._today", lambda: NOON.date())
    run = CliRunner().invoke
    assert run(app, ["analytics", "refresh", *named]).output == "the marts are current\n"
    printed = run(app, ["analytics", "report", "--language", "en", *named])
    assert printed.exit_code == 0, printed.output
    machine = from_json(json.loads(run(app, ["analytics", "report", "--json", *named]).output))
    total = machine.services["compatriot"].sheets["total"][()]
    assert f"{total} " in printed.output
    assert machine.number == 1
    file = tmp_path / "report.html"
    written = run(app, ["analytics", "report", "--html", str(file), "--language", "en", *named])
    stands = "Today's edition stands; the next is made tomorrow.\n"
    assert written.output == f"Written to {file}\n{stands}"
    assert stands not in printed.output  # it was just made
    assert run(app, ["analytics", "refresh", *named]).output == f"the marts are current\n{stands}"
    assert f"<dd>{total}</dd>" in file.read_text(encoding="utf-8")
    assert [one.name for one in tmp_path.iterdir() if re.search("part$", one.name)] == []
    lost = run(app, ["analytics", "report", "--html", str(tmp_path / "nowhere" / "report.html"), *named])
    assert lost.exit_code == 1
    assert lost.output == f"there is no folder {tmp_path / 'nowhere'}\n"


def test_a_round_forgets_in_the_marts_and_counts_when_it_cannot(tmp_path: Path) -> None:
    place = Place(f"sqlite:///{tmp_path}/warehouse/catalog.db?timeout=30", str(tmp_path / "warehouse"))
    settings, warehouse = Settings(folder=tmp_path), open_warehouse(place)
    append(warehouse.facts, arrow(row for at in "ab" for row in rows_of(at, "compatriot", NOON, FILED)))
    assert keep_marts_once(settings)
    rebuild(warehouse)
    append(warehouse.facts.refresh(), arrow(rows_of("b", "compatriot", NOON, FILED)))
    assert keep_marts_once(settings)
    with opened(marts_file(settings)) as marts:
        assert marts.rows("SELECT DISTINCT case_id FROM fact") == [("b",)]
    assert REFRESHED._value.get() > 0  # pyright: ignore[reportPrivateUsage]
    failed = FAILED._value.get()  # pyright: ignore[reportPrivateUsage]
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    assert not keep_marts_once(settings.model_copy(update={"folder": in_the_way}))
    assert FAILED._value.get() == failed + 1  # pyright: ignore[reportPrivateUsage]


def test_an_office_without_facts_says_no_more_than_one_with_four_cases(tmp_path: Path) -> None:
    printed: list[str] = []
    for cases in (0, 4):
        with opened(tmp_path / f"{cases}.duckdb") as marts:
            rows = [
                row
                for at in range(cases)
                for row in rows_of(f"case{at}", "compatriot", NOON - timedelta(weeks=3), FILED)
            ]
            marts.take(Changes(Mark("table", 1), [arrow(rows)], [], whole=True))
            told = edition(marts, tmp_path / str(cases), NOON.date())
            printed.append(page.page(told, Speech(texts.Language.EN)))
    assert printed[0] == printed[1]
    assert "<dd>&lt;5</dd>" in printed[0]
    assert 'class="plot"' not in printed[0]  # axes with nothing on them
    speech = Speech(texts.Language.EN)
    console = Console(width=120, record=True, force_terminal=False, file=open("/dev/null", "w"))  # noqa: SIM115
    terminal.show(console, told, speech)
    text = console.export_text()
    assert (speech.say("few") in text, "┌" in text) == (True, False)
