"""The report in a terminal: the same charts, as plots and tables as wide as it is."""

# plotext carries no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import Any, Final

import plotext
from rich.bar import Bar
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from consumers.analytics.edition import Edition
from consumers.analytics.report.charts import Chapter, Chart, Kind, Tone, chapters
from consumers.analytics.report.speech import Speech

COLOURS: Final = {Tone.MAIN: "cyan", Tone.SECOND: "yellow", Tone.BAD: "red", Tone.FAINT: "bright_black"}
_plotext: Final[Any] = plotext
"""Its types are known only in part."""

_HEIGHT: Final = 13
_WIDEST: Final = 110


def show(console: Console, edition: Edition, speech: Speech, *, older: bool = False) -> None:
    """Print the report. ``older``: a new edition was not made, see `edition`."""
    console.print(Text(speech.say("title"), style="bold"))
    console.print(Text(speech.say("as_of", day=edition.day, number=edition.number), style="red"))
    console.print(Text(speech.say("rule"), style="dim"))
    if older:
        console.print(Text(speech.say("older")))
    told = chapters(edition, speech)
    if not told:
        console.print(speech.say("nothing"))
    for chapter in told:
        console.print()
        console.rule(Text(chapter.title, style="bold"), align="left")
        console.print(_figures(chapter))
        for chart in chapter.charts:
            console.print()
            console.print(Text(chart.title, style="bold"), Text(chart.finding, style="dim"), sep="\n")
            if not chart.is_empty:
                console.print(Padding(_drawn(chart, min(console.width, _WIDEST)), (0, 0, 0, 1)))
        if chapter.held_back:
            console.print(Text(speech.say("held_back", count=chapter.held_back), style="dim"))


def _figures(chapter: Chapter) -> RenderableType:
    grid = Table.grid(padding=(0, 3), expand=False)
    for _ in chapter.figures:
        grid.add_column(max_width=26)
    grid.add_row(*(Text(number, style="bold") for number, _ in chapter.figures))
    grid.add_row(*(Text(counted, style="dim") for _, counted in chapter.figures))
    return grid


def _drawn(chart: Chart, width: int) -> RenderableType:
    if chart.kind is Kind.COLUMNS:
        return _columns(chart, width)
    if chart.kind is Kind.RANGES:
        return _table(chart)
    return _bars(chart, width)


def _columns(chart: Chart, width: int) -> RenderableType:
    (series,) = chart.series
    figure = _plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width - 4, _HEIGHT)
    figure.draw(figure.bar([value or 0 for value in series.values], width=0.8, lines=False))
    at = sorted({1 + round(part * (len(chart.rows) - 1) / 4) for part in range(5)})
    figure.ruler("x").ticks(at, [chart.rows[one - 1][0] for one in at])
    drawn = str(_plotext.uncolorize(str(figure.build())))
    return Text(drawn, style=COLOURS[Tone.MAIN], no_wrap=True)


def _bars(chart: Chart, width: int) -> RenderableType:
    """A row a bar; where bars have parts, each part has a row of its own."""
    longest = max((value or 0 for series in chart.series for value in series.values), default=0) or 1
    several = len(chart.series) > 1
    grid = Table.grid(padding=(0, 1))
    grid.add_column(max_width=34)
    if several:
        grid.add_column(style="dim")
    grid.add_column(justify="right")
    grid.add_column()
    for at, label in enumerate(chart.labels):
        for nth, series in enumerate(chart.series):
            bar = Bar(longest, 0, series.values[at] or 0, width=max(10, width - 62), color=COLOURS[series.tone])
            named = [label if nth == 0 else "", *([series.name] if several else [])]
            grid.add_row(*named, series.texts[at], bar)
    return grid


def _table(chart: Chart) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for nth, header in enumerate(chart.headers):
        table.add_column(header, justify="right" if nth else "left")
    for row in chart.rows:
        table.add_row(*row)
    return Group(table)
