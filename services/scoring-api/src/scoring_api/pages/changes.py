"""What the page of a difference shows: four bars from score to score, and the lines behind them; it asks no store."""

from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from scoring_api.pages import charts
from scoring_api.past.change_views import ChangeAnswer, ChangePart

NAMES = {"behaviour": "Behaviour", "model": "Model", "data": "Data", "human": "People"}
WORTH_A_LINE = 0.05


@dataclass(frozen=True)
class Line:
    """One reason with its points; `signal` leads to the evidence, if there is any."""

    text: str
    points: float
    signal: str | None


@dataclass(frozen=True)
class Row:
    """One kind of reason as a bar of the way from score to score, with what is behind it."""

    name: str
    sentence: str
    points: float
    bar: charts.Bar
    lines: tuple[Line, ...]
    quiet: int


@dataclass(frozen=True)
class ChangePage:
    """The whole page; `days` stand in the fields of its form, at most `latest`."""

    answer: ChangeAnswer
    name: str
    rows: tuple[Row, ...]
    before_at: float
    after_at: float
    days: tuple[str, str]
    latest: str


def change_page(answer: ChangeAnswer, name: str, days: tuple[date, date], now: datetime) -> ChangePage:
    """Return the page of a difference; without a score on one side there are no rows."""
    shown = (days[0].isoformat(), days[1].isoformat())
    latest = now.date().isoformat()
    if answer.start.score is None or answer.end.score is None:
        return ChangePage(answer, name, (), 0.0, 0.0, shown, latest)
    totals = [answer.start.score]
    for part in answer.parts:
        totals.append(round(totals[-1] + part.points, 1))
    axis = charts.axis_around(totals)
    rows = tuple(_row(part, *ends, axis) for part, ends in zip(answer.parts, pairwise(totals), strict=True))
    places = [round((total - axis[0]) / (axis[1] - axis[0]) * 100, 2) for total in (totals[0], totals[-1])]
    return ChangePage(answer, name, rows, places[0], places[1], shown, latest)


def _row(part: ChangePart, before: float, after: float, axis: tuple[float, float]) -> Row:
    loud = [one for one in part.lines if abs(one.points) >= WORTH_A_LINE]
    return Row(
        name=NAMES[part.kind],
        sentence=part.sentence,
        points=part.points,
        bar=charts.bar(before, after, axis),
        lines=tuple(Line(one.sentence, one.points, one.signal) for one in loud),
        quiet=len(part.lines) - len(loud),
    )
