"""What each chart shows, of an edition and of nothing else: so no number can be drawn that may not be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from consumers.analytics.edition import Edition, Told
from consumers.analytics.report.speech import Speech
from consumers.analytics.sheets import PERIOD, Key
from consumers.analytics.spreads import DAY, MINUTE, Spread

RECENT: Final = {"week": 26, "day": 60}
"""How many periods a chart shows; the edition has all."""


class Kind(StrEnum):
    """How a chart is drawn."""

    COLUMNS = "columns"
    """One number a period."""
    BARS = "bars"
    """Numbers beside each other, one or more parts a bar."""
    SHARES = "shares"
    """Parts of a whole, each bar as long as the others."""
    RANGES = "ranges"
    """From the median to the slowest."""


class Tone(StrEnum):
    """What a series means, which is how it is coloured."""

    MAIN = "main"
    SECOND = "second"
    BAD = "bad"
    FAINT = "faint"


@dataclass(frozen=True)
class Series:
    """One value a label; None where nothing is told. ``texts`` stand on the bars."""

    name: str
    tone: Tone
    values: tuple[float | None, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Chart:
    """A chart in words and numbers: its question, its finding, what is drawn, and the same as a table."""

    name: str
    kind: Kind
    title: str
    finding: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    axis: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw: every cell is below the first band."""
        return self.kind is not Kind.RANGES and not any(value for series in self.series for value in series.values)


@dataclass(frozen=True)
class Chapter:
    """A service's charts under its name."""

    name: str
    title: str
    figures: tuple[tuple[str, str], ...]
    """The headline: a number, and what it counts."""
    charts: tuple[Chart, ...]
    held_back: int


def chapters(edition: Edition, speech: Speech) -> tuple[Chapter, ...]:
    """Every service's chapter, as far as there is anything to tell."""
    made = (_applications(edition.services["compatriot"], speech), _registrations(edition.services["taxpayer"], speech))
    return tuple(chapter for chapter in made if chapter.charts or chapter.figures)


def _applications(told: Told, speech: Speech) -> Chapter:
    charts = [
        _periods(told, speech, "applications"),
        _bars(told, speech, "state", "applications_state"),
        _grounds(told, speech),
        _passages(told, speech),
        _term(told, speech),
        _calls(told, speech, "applications"),
        _bars(told, speech, "refusals", "applications_refusals", Tone.BAD),
        _payments(told, speech),
    ]
    figures: list[tuple[str, str]] = []
    if "total" in told.sheets:
        figures.append((speech.at_least(told.sheets["total"][()]), speech.say("figure.applications")))
    figures += _decision_figures(told, speech)
    if waited := _spread(told, "waited"):
        figures.append((speech.time(waited.p50), speech.say("figure.waited")))
    return Chapter("compatriot", speech.say("compatriot"), tuple(figures), _there(charts), len(told.held_back))


def _registrations(told: Told, speech: Speech) -> Chapter:
    charts = [
        _periods(told, speech, "registrations"),
        _bars(told, speech, "state", "registrations_state"),
        _bars(told, speech, "routes", "registrations_routes"),
        _calls(told, speech, "registrations"),
        _bars(told, speech, "refusals", "registrations_refusals", Tone.BAD),
    ]
    figures: list[tuple[str, str]] = []
    if "total" in told.sheets:
        figures.append((speech.at_least(told.sheets["total"][()]), speech.say("figure.registrations")))
    if "state" in told.sheets and (active := told.sheets["state"].get(("ACTIVE",))):
        figures.append((speech.at_least(active), speech.say("figure.active")))
    if passage := _spread(told, "passage", "AWAITING_ACTIVATION", "ACTIVE"):
        figures.append((speech.time(passage.p50), speech.say("figure.activation")))
    if waited := _spread(told, "waited"):
        figures.append((speech.time(waited.p50), speech.say("figure.waited")))
    return Chapter("taxpayer", speech.say("taxpayer"), tuple(figures), _there(charts), len(told.held_back))


def _decision_figures(told: Told, speech: Speech) -> Iterator[tuple[str, str]]:
    if share := _share(told, "term", [key for key in told.sheets.get("term", {}) if key[1] == "WITHIN"], speech):
        yield share, speech.say("figure.within")
    if decided := _spread(told, "passage", "REGISTERED", "DECIDED"):
        yield speech.time(decided.p50), speech.say("figure.decided")


def _there(charts: Iterable[Chart | None]) -> tuple[Chart, ...]:
    return tuple(chart for chart in charts if chart is not None)


def _periods(told: Told, speech: Speech, name: str) -> Chart | None:
    cells = dict(list(told.sheets.get(PERIOD, {}).items())[-RECENT[told.grain] :])
    if not cells:
        return None
    days = [speech.day(key) for (key,) in cells]
    lows = list(cells.values())
    best = max(range(len(lows)), key=lows.__getitem__)
    text = speech.say(f"{name}.finding.{told.grain}", most=speech.at_least(lows[best]), day=days[best])
    text += " " + speech.say(f"unfinished.{told.grain}")
    if not lows[best]:
        text = speech.say("few")
    texts = tuple(speech.at_least(low) if at == best else "" for at, low in enumerate(lows))
    title = speech.say(f"{name}.title.{told.grain}")
    return Chart(
        name,
        Kind.COLUMNS,
        title,
        text,
        tuple(key for (key,) in cells),
        (Series(title, Tone.MAIN, tuple(low or None for low in lows), texts),),
        (speech.say(told.grain), speech.say("number")),
        tuple((day, speech.at_least(low)) for day, low in zip(days, lows, strict=True)),
    )


def _bars(told: Told, speech: Speech, sheet: str, name: str, tone: Tone = Tone.MAIN) -> Chart | None:
    cells = told.sheets.get(sheet)
    if not cells or not any(cells.values()):
        return None
    labels = tuple(speech.word(key[0]) for key in cells)
    lows = tuple(cells.values())
    best = max(range(len(lows)), key=lows.__getitem__)
    finding = speech.say(f"{name}.finding", most=speech.at_least(lows[best]), name=labels[best])
    return Chart(
        name,
        Kind.BARS,
        speech.say(f"{name}.title"),
        finding,
        labels,
        (Series("", tone, lows, tuple(map(speech.at_least, lows))),),
        (speech.say(f"{name}.column"), speech.say("number")),
        tuple((label, speech.at_least(low)) for label, low in zip(labels, lows, strict=True)),
    )


def _parts(
    told: Told, speech: Speech, sheet: str, name: str, finding: str, *, across: int, tones: Sequence[Tone], kind: Kind
) -> Chart | None:
    """A sheet of two axes: a bar for each of one, in parts of the other (``across``)."""
    cells = told.sheets.get(sheet)
    if not cells or not any(cells.values()):
        return None
    bars = list(dict.fromkeys(key[1 - across] for key in cells))
    parts = list(dict.fromkeys(key[across] for key in cells))

    def key(bar: str, part: str) -> Key:
        return (bar, part) if across else (part, bar)

    series = tuple(
        Series(
            speech.word(part),
            tone,
            tuple(cells[key(bar, part)] for bar in bars),
            tuple(speech.at_least(cells[key(bar, part)]) for bar in bars),
        )
        for part, tone in zip(parts, (*tones, *(Tone.FAINT for _ in parts)), strict=False)
    )
    return Chart(
        name,
        kind,
        speech.say(f"{name}.title"),
        finding,
        tuple(speech.word(bar) for bar in bars),
        series,
        (speech.say(f"{name}.column"), *(one.name for one in series)),
        tuple((speech.word(bar), *(speech.at_least(cells[key(bar, part)]) for part in parts)) for bar in bars),
    )


def _grounds(told: Told, speech: Speech) -> Chart | None:
    cells = told.sheets.get("ground", {})
    share = _share(told, "ground", [key for key in cells if key[1] == "EXPEDITED"], speech)
    return _parts(
        told,
        speech,
        "ground",
        "grounds",
        speech.say("grounds.finding", share=share) if share else speech.say("few"),
        across=1,
        tones=(Tone.MAIN, Tone.SECOND),
        kind=Kind.BARS,
    )


def _term(told: Told, speech: Speech) -> Chart | None:
    cells = told.sheets.get("term", {})
    share = _share(told, "term", [key for key in cells if key[1] == "WITHIN"], speech)
    granted = _share(told, "outcome", [("GRANTED",)], speech)
    finding = " ".join(
        speech.say(f"term.{name}", share=one) for name, one in (("finding", share), ("granted", granted)) if one
    )
    return _parts(
        told,
        speech,
        "term",
        "term",
        finding or speech.say("few"),
        across=1,
        tones=(Tone.MAIN, Tone.BAD),
        kind=Kind.SHARES,
    )


def _payments(told: Told, speech: Speech) -> Chart | None:
    cells = told.sheets.get("paid", {})
    lari = sum(low * round(float(amount)) for (_, amount), low in cells.items())
    due, back = sum(told.sheets.get("due_back", {}).values()), sum(told.sheets.get("refunded", {}).values())
    finding = speech.say("payments.finding", lari=speech.number(lari)) if lari else speech.say("few")
    if due:
        finding += " " + speech.say("payments.back", due=speech.number(due), back=speech.at_least(back))
    tones = (Tone.MAIN, Tone.SECOND)
    return _parts(told, speech, "paid", "payments", finding, across=1, tones=tones, kind=Kind.BARS)


_COURSE: Final = (
    ("AWAITING_PAYMENT_AND_VIDEO", "AWAITING_VIDEO"),
    ("AWAITING_PAYMENT_AND_VIDEO", "AWAITING_PAYMENT"),
    ("AWAITING_VIDEO", "IN_TERM"),
    ("AWAITING_PAYMENT", "IN_TERM"),
    ("IN_TERM", "UNDER_REVIEW"),
    ("UNDER_REVIEW", "CONCLUSION_PREPARED"),
    ("INFORMATION_REQUESTED", "UNDER_REVIEW"),
    ("CONCLUSION_PREPARED", "DECIDED"),
    ("DECIDED", "DELIVERED"),
    ("REGISTERED", "DECIDED"),
)
"""The steps of an application that are drawn, in order, the whole way last."""


def _passages(told: Told, speech: Speech) -> Chart | None:
    steps = [(step, found) for step in _COURSE if (found := _spread(told, "passage", *step))]
    if not steps:
        return None
    finding = speech.say("few")
    if whole := _spread(told, "passage", "REGISTERED", "DECIDED"):
        finding = speech.say("passages.finding", half=speech.time(whole.p50))
        if whole.p90:
            finding += " " + speech.say("passages.most", most=speech.time(whole.p90))
    labels = tuple(speech.say(f"step.{came_from}.{went_to}") for (came_from, went_to), _ in steps)
    return _ranges("passages", speech, finding, labels, [found for _, found in steps], DAY)


def _calls(told: Told, speech: Speech, of: str) -> Chart | None:
    both = [(name, found) for name in ("waited", "lasted") if (found := _spread(told, name))]
    if not both:
        return None
    finding = " ".join(speech.say(f"calls.{name}", half=speech.time(found.p50)) for name, found in both)
    ended = told.sheets.get("calls", {})
    if share := _share(told, "calls", [("ABANDONED",)], speech):
        finding += " " + speech.say("calls.abandoned", share=share)
    labels = tuple(speech.say(f"calls.{name}_label") for name, _ in both)
    chart = _ranges("calls", speech, finding, labels, [found for _, found in both], MINUTE)
    rows = tuple((speech.word(key[0]), speech.at_least(low), "", "") for key, low in ended.items())
    return replace(chart, name=f"{of}_calls", rows=(*chart.rows, *rows))


def _ranges(
    name: str, speech: Speech, finding: str, labels: tuple[str, ...], found: Sequence[Spread], unit: int
) -> Chart:
    columns = (
        (speech.say("p50"), Tone.MAIN, [one.p50 for one in found]),
        (speech.say("p90"), Tone.SECOND, [one.p90 for one in found]),
        (speech.say("p99"), Tone.FAINT, [one.p99 for one in found]),
    )
    series = tuple(
        Series(
            title,
            tone,
            tuple(None if one is None else one / unit for one in seconds),
            tuple("" if one is None else speech.time(one) for one in seconds),
        )
        for title, tone, seconds in columns
    )
    rows = tuple((label, *(one.texts[at] or "–" for one in series)) for at, label in enumerate(labels))
    headers = (speech.say(f"{name}.column"), *(one.name for one in series))
    axis = speech.say("days" if unit == DAY else "minutes")
    return Chart(name, Kind.RANGES, speech.say(f"{name}.title"), finding, labels, series, headers, rows, axis)


def _spread(told: Told, name: str, came_from: str = "", went_to: str = "") -> Spread | None:
    return next(
        (one for one in told.spreads if (one.name, one.came_from, one.went_to) == (name, came_from, went_to)), None
    )


def _share(told: Told, sheet: str, keys: Sequence[Key], speech: Speech) -> str | None:
    """Which part of a sheet these cells are, in per cent, as wide as the bands leave it; None if that says little."""
    cells = told.sheets.get(sheet)
    if not cells or not keys or not set(keys) <= set(cells):
        return None
    chosen = [told.band(sheet, key) for key in keys]
    others = [told.band(sheet, key) for key in cells if key not in keys]
    least, most = sum(band.low for band in chosen), sum(band.high for band in chosen)
    fewest, rest = sum(band.low for band in others), sum(band.high for band in others)
    if least + fewest < 20:
        return None
    low, high = round(100 * least / (least + rest)), round(100 * most / (most + fewest))
    return speech.share(low, high) if high - low <= 20 else None
