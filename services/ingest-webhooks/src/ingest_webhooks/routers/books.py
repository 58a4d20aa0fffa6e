"""The books of the inbox, what each source is, and how it does; it never shows what was delivered."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from asyncpg import Record
from fastapi import APIRouter, Query
from pydantic import BeforeValidator

from ingest_webhooks.dependencies import MayRead, TheService
from ingest_webhooks.sources import CONNECTABLE, SOURCES
from ingest_webhooks.upkeep.measuring import Figures
from ingest_webhooks.views.wire import Wire
from milepost_runtime.paging import ONCE, plain_number

router = APIRouter(tags=["books"], dependencies=[ONCE])
Hours = Annotated[
    int, BeforeValidator(plain_number), Query(ge=1, le=168, description="How far back states and events are measured")
]


class EventBooks(Wire):
    """Where the accepted events are: accepted = done + ignored + quarantined + waiting.

    `missing` are events that the deliveries count as done but no row holds any more; with any, nothing is balanced.
    """

    accepted: int
    done: int
    duplicates: int
    ignored: int
    quarantined: int
    waiting: int
    missing: int
    balanced: bool


class SourceBooks(Wire):
    """Where the accepted deliveries of a source are: accepted = done + ignored + quarantined + waiting.

    `accepted` is what the door counted as it accepted; `missing` are those of them that nothing accounts for.
    """

    source: str
    accepted: int
    done: int
    ignored: int
    quarantined: int
    waiting: int
    missing: int
    balanced: bool
    events: EventBooks


class Books(Wire):
    """The books of every source."""

    sources: list[SourceBooks]
    balanced: bool


class SourceLine(Wire):
    """A provider; `settings` is the JSON schema of what a connection's settings may hold."""

    name: str
    title: str
    connectable: bool
    secret_address: bool
    docs: str
    settings: dict[str, Any]


class Sources(Wire):
    """Every provider that is understood."""

    data: list[SourceLine]
    next_cursor: None = None


class Freshness(Wire):
    """When something last came, and when the newest of it happened; `silent_seconds` since the former."""

    last_received: datetime | None
    last_occurred: datetime | None
    silent_seconds: float | None


class Lag(Wire):
    """How long after it happened something came, over the newest events."""

    events: int
    p50_seconds: float
    p95_seconds: float


class DayVolume(Wire):
    """What came on a day (UTC)."""

    day: date
    deliveries: int
    elements: int


class VolumeFigures(Wire):
    """The last 30 days and today; `word` compares the last whole day with the median of the ones before it."""

    days: list[DayVolume]
    usual_per_day: float | None
    last_day: int
    word: str


class Nulls(Wire):
    """The share (0 to 1) of the newest events that lack something; without an account they wait for one."""

    actor: float
    item: float
    value: float
    account: float


class Frequent(Wire):
    """A reason or a topic, and how often it is met among the newest."""

    name: str
    count: int


class FiguresAnswer(Wire):
    """How a source or a connection does. `ignored_topics` and `faults` only for a connection."""

    source: str
    connection_id: UUID | None
    window_hours: int
    freshness: Freshness
    lag: Lag | None
    volume: VolumeFigures
    states: dict[str, int]
    nulls: Nulls | None
    ignored_topics: list[Frequent]
    faults: list[Frequent]


class AllFigures(Wire):
    """The figures of every source that ever delivered."""

    data: list[FiguresAnswer]
    next_cursor: None = None


@router.get("/books", summary="The books of the inbox")
async def get_books(_key: MayRead, service: TheService) -> Books:
    """Return, per source, what was accepted and where all of it is, as of one moment."""
    sources = [_books(row) for row in await service.measuring.books()]
    return Books(sources=sources, balanced=all(one.balanced and one.events.balanced for one in sources))


@router.get("/sources", summary="List the sources")
async def list_sources(_key: MayRead) -> Sources:
    """Return every provider that is understood, and the page that says how to connect it."""
    return Sources(data=[_source(name) for name in SOURCES])


@router.get("/figures", summary="How each source does")
async def get_figures(_key: MayRead, service: TheService, hours: Hours = 24) -> AllFigures:
    """Return freshness, lag, volume, states and missing fields of each source."""
    return AllFigures(data=[_answer(one, hours) for one in await service.measuring.every_source(hours)])


@router.get("/connections/{connection_id}/figures", summary="How a connection does")
async def get_connection_figures(
    connection_id: UUID, _key: MayRead, service: TheService, hours: Hours = 24
) -> FiguresAnswer:
    """Return the same of one connection, with what is ignored and why elements were quarantined."""
    return _answer(await service.measuring.one(connection_id, hours), hours)


def _source(name: str) -> SourceLine:
    source = SOURCES[name]
    return SourceLine(
        name=name,
        title=source.title,
        connectable=name in CONNECTABLE,
        secret_address=source.secret_address,
        docs=f"services/ingest-webhooks/docs/sources/{name}.md",
        settings=source.settings.model_json_schema(),
    )


def _books(row: Record) -> SourceBooks:
    unmapped = min(row["events_unmapped"], row["events_settled"])
    settled, waiting = row["events_settled"] - unmapped, row["events_unread"] + unmapped
    parts = settled + row["events_ignored"] + row["events_quarantined"] + waiting
    events = EventBooks(
        accepted=row["events_told"],
        done=settled,
        duplicates=row["events_duplicate"],
        ignored=row["events_ignored"],
        quarantined=row["events_quarantined"],
        waiting=waiting,
        missing=row["events_missing"],
        balanced=parts == row["events_told"] and row["events_missing"] == 0,
    )
    counts = {name: row[name] for name in ("done", "ignored", "quarantined", "waiting")}
    missing = row["told"] - sum(counts.values())
    return SourceBooks(
        source=row["source"], accepted=row["told"], **counts, missing=missing, balanced=missing == 0, events=events
    )


def _answer(one: Figures, hours: int) -> FiguresAnswer:
    quality = one.quality
    silent = None if one.last_received is None else (one.now - one.last_received).total_seconds()
    return FiguresAnswer(
        source=one.scope.source,
        connection_id=one.scope.connection_id,
        window_hours=hours,
        freshness=Freshness(
            last_received=one.last_received,
            last_occurred=None if quality is None else quality["last_occurred"],
            silent_seconds=silent,
        ),
        lag=None if quality is None else _lag(quality),
        volume=VolumeFigures.model_validate(one.volume, from_attributes=True),
        states=dict(one.states),
        nulls=None if quality is None else Nulls(**{name: quality[f"no_{name}"] for name in Nulls.model_fields}),
        ignored_topics=_frequent(one.ignored_topics),
        faults=_frequent(one.faults),
    )


def _lag(quality: Mapping[str, Any]) -> Lag:
    p50, p95 = quality["lags"]
    return Lag(events=quality["events"], p50_seconds=p50, p95_seconds=p95)


def _frequent(pairs: Sequence[tuple[str, int]]) -> list[Frequent]:
    return [Frequent(name=name, count=count) for name, count in pairs]
