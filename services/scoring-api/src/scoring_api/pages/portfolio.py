"""What the portfolio page shows, ready for the template; it asks no store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from milepost_contracts.health import HealthDocument
from scoring_api.answers.listing import DayScore, Listed, Tally
from scoring_api.pages import charts, quoting, wording
from scoring_api.scores.documenting import UNCOUNTED

RULE = "At risk, or down 10 points or more in 28 days."
ORDERS = {
    "urgency": "Most urgent first",
    "score": "Lowest score first",
    "-score": "Highest score first",
    "change_28d": "Biggest fall in 28 days",
    "-change_28d": "Biggest rise in 28 days",
    "name": "Name",
    "-computed_at": "Last updated first",
}
SPARK_DAYS = 90
LONGEST_OPTION = 60


@dataclass(frozen=True)
class Asked:
    """What the address asks for; empty text means no filter."""

    q: str = ""
    band: str = ""
    segment: str = ""
    stage: str = ""
    owner: str = ""
    sort: str = "urgency"
    cursor: str = ""

    def href(self, **changes: str) -> str:
        """Return the address of this list with some values changed; the page starts anew unless a cursor is given."""
        values = {"q": self.q, "band": self.band, "segment": self.segment, "stage": self.stage, "owner": self.owner}
        values["sort"] = "" if self.sort == "urgency" else self.sort
        kept = {name: value for name, value in (values | changes).items() if value}
        return "/app/" + (f"?{urlencode(kept)}" if kept else "")

    @property
    def filtered(self) -> bool:
        """Anything that hides accounts."""
        return any((self.q, self.band, self.segment, self.stage, self.owner))


@dataclass(frozen=True)
class Share:
    """One band in the strip: its count, and its part of the bar in percent."""

    band: str
    count: int
    left: float
    width: float
    href: str
    current: bool


@dataclass(frozen=True)
class Option:
    """One entry of a filter."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Choice:
    """One filter."""

    name: str
    label: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Row:
    """One account of the list."""

    href: str
    name: str
    segment: str | None
    band: str
    provisional: str
    score: float | None
    change_7d: float | None
    change_28d: float | None
    line: charts.Line | None
    finding: str
    reason: str
    stage: str | None
    day: int | None
    owner: str | None


@dataclass(frozen=True)
class Group:
    """Rows under one heading; without a label there is none."""

    label: str
    meaning: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Portfolio:
    """The whole page."""

    heading: str
    rule: str
    tally: Tally
    newest: datetime | None
    shares: tuple[Share, ...]
    choices: tuple[Choice, ...]
    groups: tuple[Group, ...]
    asked: Asked
    filtered: bool
    first: str | None
    next: str | None
    size: int
    shown: str
    limits: charts.Thresholds


def heading(act: int) -> str:
    """Return the one sentence that the day starts with."""
    if act == 0:
        return "No account needs you right now"
    return f"You have {wording.count(act, 'account')} to act on"


def shares(tally: Tally, asked: Asked) -> tuple[Share, ...]:
    """Return the strip: bands in the order of their urgency, widths in percent of all accounts."""
    found, left = [], 0.0
    for band in wording.BAND_ORDER:
        width = 100 * tally.bands[band] / tally.accounts if tally.accounts else 0.0
        current = asked.band == band
        href = asked.href(band="" if current else band)
        found.append(Share(band, tally.bands[band], round(left, 2), round(width, 2), href, current))
        left += width
    return tuple(found)


def choices(asked: Asked, known: Mapping[str, Sequence[str]]) -> tuple[Choice, ...]:
    """Return the filters with what there is to choose from."""
    bands = [(band, wording.BANDS[band].word) for band in wording.BAND_ORDER]
    found = [_choice("band", "Band", bands, asked.band)]
    for name, label in (("segment", "Segment"), ("stage", "Stage"), ("owner", "Owner")):
        chosen = str(getattr(asked, name))
        values = list(known[name]) + ([chosen] if chosen and chosen not in known[name] else [])
        found.append(_choice(name, label, [(value, quoting.flat(value, LONGEST_OPTION)) for value in values], chosen))
    orders = tuple(Option(value, label, value == asked.sort) for value, label in ORDERS.items())
    return (*found, Choice("sort", "Order", orders))


def row(listed: Listed, days: Sequence[DayScore], now: datetime) -> Row:
    """Return one account as the list shows it."""
    document = listed.document
    points = [charts.Point(day.at, day.score, day.band, day.restated) for day in days]
    return Row(
        href=f"/app/accounts/{document.account.id}",
        name=document.account.name or "Unnamed account",
        segment=document.account.segment,
        band=document.effective_band.band,
        provisional=_provisional(document),
        score=document.score,
        change_7d=document.trend.change_7d,
        change_28d=document.trend.change_28d,
        line=charts.line(points, charts.window_ending(now, SPARK_DAYS)),
        finding=charts.finding(points),
        reason=wording.sentence(listed.reason or _nothing(document)),
        stage=wording.sentence(document.account.stage or "") or None,
        day=document.account.age_days,
        owner=document.account.owner,
    )


def groups(
    listed: Sequence[Listed], days: Mapping[UUID, Sequence[DayScore]], now: datetime, headings: Tally | None
) -> tuple[Group, ...]:
    """Return the rows: under two headings with the counts of the whole list, or under none."""
    rows = [(one.act, row(one, days[one.document.account.id], now)) for one in listed]
    if headings is None:
        return (Group("", "", tuple(r for _, r in rows)),) if rows else ()
    others = wording.count(headings.accounts - headings.act, "account")
    act = Group("To act on", wording.count(headings.act, "account"), tuple(r for act, r in rows if act))
    rest = Group("Everyone else", others, tuple(r for act, r in rows if not act))
    return tuple(group for group in (act, rest) if group.rows)


def shown(count: int, asked: Asked, tally: Tally) -> str:
    """Return how much of the whole stands on this page."""
    if asked.filtered or asked.cursor:
        return f"{wording.count(count, 'account')} on this page, {tally.accounts:,} in all"
    return f"{count:,} of {wording.count(tally.accounts, 'account')}"


def _choice(name: str, label: str, values: Sequence[tuple[str, str]], chosen: str) -> Choice:
    every = Option("", "Any", not chosen)
    return Choice(name, label, (every, *(Option(value, text, value == chosen) for value, text in values)))


def _provisional(document: HealthDocument) -> str:
    """Return what a reader has to know before trusting the figure."""
    if document.score is None:
        return ""
    if document.effective_band.band == "unknown":
        return "provisional"
    return "low confidence" if document.confidence.word == "low" else ""


def _nothing(document: HealthDocument) -> str:
    silent = sum(one.code != UNCOUNTED for one in document.missing)
    if silent and document.score is None:
        return f"no data yet for {wording.count(silent, 'input')}"
    return "nothing holds it back"
