"""A chart as a plotly figure: direct labels, few colours, no idle lines, legible at the width of a phone."""

# plotly carries no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import textwrap
from typing import Any, Final

import plotly.graph_objects as go

from consumers.analytics.report.charts import Chart, Kind, Tone

COLOURS: Final = {Tone.MAIN: "#14505c", Tone.SECOND: "#c08a2e", Tone.BAD: "#8b1a2b", Tone.FAINT: "#8a8f94"}
"""Against white: 8.9, 3.0, 9.6 and 3.3 to 1, by WCAG 2.2's formula; graphics need 3 (1.4.11)."""
ON: Final = {Tone.MAIN: "#ffffff", Tone.SECOND: "#1b1b1b", Tone.BAD: "#ffffff", Tone.FAINT: "#1b1b1b"}
INK, QUIET, LINE = "#1b1b1b", "#55595d", "#dcdfe2"
FONT: Final = '"Noto Sans Georgian", "Noto Sans", Sylfaen, "DejaVu Sans", system-ui, sans-serif'
_ROW: Final = {Kind.BARS: 40, Kind.SHARES: 58, Kind.RANGES: 50}
"""Pixels a row."""


def figure(chart: Chart) -> dict[str, Any]:
    """Plotly's JSON of the chart: ``data`` and ``layout``."""
    drawn = go.Figure(layout=_layout(chart))
    match chart.kind:
        case Kind.COLUMNS:
            _columns(drawn, chart)
        case Kind.RANGES:
            _ranges(drawn, chart)
        case Kind.BARS | Kind.SHARES:
            _bars(drawn, chart)
    made: dict[str, Any] = drawn.to_plotly_json()
    made["layout"].pop("template", None)
    return made


def _layout(chart: Chart) -> dict[str, Any]:
    rows = len(chart.labels)
    legend = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "yref": "paper", "traceorder": "normal"}
    above = 34 if len(chart.series) > 1 else 8
    return {
        "template": None,
        "font": {"family": FONT, "size": 13, "color": INK},
        "margin": {"l": 4, "r": 16, "t": above, "b": 34 if chart.kind in {Kind.COLUMNS, Kind.RANGES} else 6},
        "height": 240 if chart.kind is Kind.COLUMNS else above + 40 + rows * _ROW[chart.kind],
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "showlegend": len(chart.series) > 1,
        "legend": {**legend, "itemclick": False, "itemdoubleclick": False},
        "bargap": 0.34,
        "uniformtext": {"mode": "hide", "minsize": 12},
        "barmode": "stack",
        "hoverlabel": {"bgcolor": "#ffffff", "bordercolor": QUIET, "font": {"family": FONT, "color": INK}},
        "dragmode": False,
        "xaxis": {"fixedrange": True, "zeroline": False, "showgrid": False, "automargin": True},
        "yaxis": {"fixedrange": True, "zeroline": False, "showgrid": False, "automargin": True},
    }


def _columns(drawn: go.Figure, chart: Chart) -> None:
    (series,) = chart.series
    colours = [COLOURS[Tone.SECOND] if text else COLOURS[Tone.MAIN] for text in series.texts]
    colours[-1] = COLOURS[Tone.FAINT]
    said = [f"{day}: {number}" for day, number in chart.rows]
    drawn.add_bar(
        x=list(chart.labels),
        y=list(series.values),
        marker={"color": colours, "line": {"width": 0}},
        text=list(series.texts),
        textposition="outside",
        textangle=0,
        cliponaxis=False,
        hovertext=said,
        hoverinfo="text",
    )
    drawn.update_layout(bargap=0.18)
    drawn.update_xaxes(type="date", tickformat="%-d.%m", nticks=7, ticks="outside", tickcolor=LINE, linecolor=LINE)
    drawn.update_yaxes(showgrid=True, gridcolor=LINE, nticks=4, tickfont={"color": QUIET}, rangemode="tozero")


def _bars(drawn: go.Figure, chart: Chart) -> None:
    labels = [_wrapped(label) for label in chart.labels]
    several = len(chart.series) > 1
    wholes = [sum(series.values[at] or 0 for series in chart.series) for at in range(len(labels))]
    longest = max((one for one in wholes), default=0) or 1
    for series in chart.series:
        values = list(series.values)
        if chart.kind is Kind.SHARES:
            values = [(one or 0) / (whole or 1) * 100 for one, whole in zip(values, wholes, strict=True)]
            longest = 100
        drawn.add_bar(
            y=labels,
            x=values,
            orientation="h",
            name=series.name,
            marker={"color": COLOURS[series.tone], "line": {"color": "#ffffff", "width": 1 if several else 0}},
            text=[text if not several or value else "" for value, text in zip(values, series.texts, strict=True)],
            textposition="inside" if several else "outside",
            insidetextanchor="middle" if several else "end",
            textangle=0,
            constraintext="inside" if several else "none",
            insidetextfont={"color": ON[series.tone]},
            cliponaxis=False,
            hovertext=[
                f"{label}, {series.name}: {text}".replace(", :", ":")
                for label, text in zip(chart.labels, series.texts, strict=True)
            ],
            hoverinfo="text",
        )
    drawn.update_xaxes(
        visible=False, range=[0, longest * (1.0 if chart.kind is Kind.SHARES else 1.05 if several else 1.28)]
    )
    drawn.update_yaxes(autorange="reversed", ticklabelstandoff=6, linecolor=LINE)


def _ranges(drawn: go.Figure, chart: Chart) -> None:
    labels = [_wrapped(label) for label in chart.labels]
    for at, label in enumerate(labels):
        ends = [one for series in chart.series if (one := series.values[at]) is not None]
        drawn.add_scatter(
            x=[min(ends), max(ends)],
            y=[label, label],
            mode="lines",
            line={"color": LINE, "width": 6},
            hoverinfo="skip",
            showlegend=False,
        )
    for series in chart.series:
        there = [at for at, value in enumerate(series.values) if value is not None]
        drawn.add_scatter(
            x=[series.values[at] for at in there],
            y=[labels[at] for at in there],
            mode="markers+text" if series.tone is Tone.MAIN else "markers",
            name=series.name,
            marker={"color": COLOURS[series.tone], "size": 12 if series.tone is Tone.MAIN else 9},
            text=[series.texts[at] for at in there],
            textposition="top right",
            textfont={"size": 12},
            cliponaxis=False,
            hovertext=[f"{chart.labels[at]}: {series.name} {series.texts[at]}" for at in there],
            hoverinfo="text",
        )
    longest = max(value for series in chart.series for value in series.values if value is not None)
    drawn.update_xaxes(
        showgrid=True,
        gridcolor=LINE,
        range=[-0.09 * longest, 1.05 * longest],
        tick0=0,
        nticks=6,
        ticksuffix="",
        title={"text": chart.axis, "font": {"size": 12, "color": QUIET}, "standoff": 4},
        tickfont={"color": QUIET},
    )
    drawn.update_yaxes(range=[len(labels) - 0.5, -0.75], ticklabelstandoff=6)


def _wrapped(label: str) -> str:
    return "<br>".join(textwrap.wrap(label, 17, break_long_words=False))
