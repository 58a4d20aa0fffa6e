"""Feeds and score models by chance, full of what is rare in life: ties, edges, odd values, clocks that are put forward.

Whoever calls brings the chance, so that a case can be made again from its seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from support.feed_reading import ABOUT_ACCOUNTS, Feed, Row
from support.histories import SOURCE, Told, new_account

from milepost_core.events import EVENT_TYPES, OUTCOME_TYPES
from milepost_core.model import ScoreModel, parse_model

MICROSECOND = timedelta(microseconds=1)
ZONES = (
    "UTC", "Europe/Berlin", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kolkata", "Asia/Kathmandu",
    "America/St_Johns", "Africa/Casablanca", "Pacific/Chatham",
)  # fmt: skip
# Days of 23, 23.5, 24.5 and 25 hours, a leap day, the turn of a year.
ANCHORS = tuple(
    datetime.fromisoformat(f"{day}T00:00:00+00:00")
    for day in ("2024-02-29", "2025-03-09", "2025-03-30", "2025-04-05", "2025-10-04", "2025-10-26", "2025-12-31")
)
WINDOWS = (0.5, 1, 3, 7, 28.25)
TYPES = (
    *sorted(EVENT_TYPES.keys() - {"account.linked"}), *2 * ("feature.used", "session.started", "survey.answered"),
    *2 * ("ticket.opened", "ticket.resolved", "task.created", "invoice.issued", "account.updated", "account.started"),
    "coffee.poured", "invoice.moved",
)  # fmt: skip
ROLES, ACTORS, ITEMS = (None, "admin", "sponsor", "other"), (None, "ann", "bob"), (None, "a", "b")
VALUES: tuple[Any, ...] = (None, 0, 1.5, -20, 7, 0.1, 1e14, 1e300, "left", "high", "7", "")
ODD: tuple[Any, ...] = (None, True, False, 1, 1.0, 0, "1", "pro", "high", [1], {"a": 1}, 1e15, 123456789, 0.1, "")
PROPERTIES = ("plan", "severity", "open", "seats", "mood", "kind")


@dataclass(frozen=True)
class Story:
    """One account of a chance feed: what was told of it, and the account that it absorbed, if any."""

    account: UUID
    feed: Feed


def chance_story(chance: Random, base: datetime, size: int = 30) -> Story:
    """An account around a moment; of some a part was told of another account that was merged into it."""
    account, gone = new_account(), new_account()
    moments = chance_moments(chance, base)
    told = [_event(chance, account, moments) for _ in range(chance.randint(1, size))]
    told += _corrections(chance, account, told, moments)
    if chance.random() < 0.3:
        told.append(_plain(chance, account, "account.linked", moments, value_text=f"external:{account}"))
    if chance.random() < 0.2:
        part = {one.event_id for one in chance.sample(told, len(told) // 2)}
        # What was told of the account that is gone came before the merge.
        before = [replace(one, account_id=gone) for one in told if one.event_id in part and one.supersedes is None]
        merge = replace(_plain(chance, account, "account.merged", moments), account_id=gone, value_text=str(account))
        moved = {one.event_id for one in before}
        told = [*before, merge, *(one for one in told if one.event_id not in moved)]
    else:
        chance.shuffle(told)
    return Story(account, Feed(told, tuple(_own(chance, account, moments))))


def chance_moments(chance: Random, base: datetime) -> list[datetime]:
    """Moments that meet: edges of windows and of days around a base, a hair before and after, and some at random."""
    edges = [base - timedelta(days=days) for days in (0, *WINDOWS, 2, 6, 14)]
    near = [edge + hair * MICROSECOND for edge in edges for hair in (-1, 0, 1)]
    steps = [base + timedelta(minutes=30 * chance.randint(-1500, 100)) for _ in range(25)]
    later = [base + timedelta(days=chance.choice([0.5, 3, 40])) for _ in range(3)]
    return near + steps + later


def _event(chance: Random, account: UUID, moments: Sequence[datetime]) -> Told:
    kind = chance.choice(TYPES)
    one = _plain(chance, account, kind, moments)
    value, properties = chance.choice(VALUES), {}
    for name in chance.sample(PROPERTIES, chance.randint(0, 3)):
        properties[name] = chance.choice(ODD) if name != "open" else chance.choice([True, False, "true", None])
    if kind in ABOUT_ACCOUNTS:
        properties["segment"] = chance.choice(["enterprise", "smb", "mid-market", None, 7])
    if kind.split(".", maxsplit=1)[0] in ("ticket", "task", "invoice") and chance.random() < 0.5:
        properties["due_at"] = chance.choice([None, chance.choice(moments).isoformat()])
    if kind == "milestone.planned":
        properties = {"weight": chance.choice([1, 2, 0.5]), "due_at": chance.choice(moments).isoformat()}
    word, number = (value, None) if isinstance(value, str) else (None, None if value is None else float(value))
    return replace(
        one, actor=chance.choice(ACTORS), role=chance.choice(ROLES), item=chance.choice(ITEMS), value=number,
        value_text=word, properties=properties, told_at=chance.choice([None, None, chance.choice(moments)]),
        sequence=chance.choice([None, f"{chance.randint(0, 99):02}:{one.event_id}"]),
    )  # fmt: skip


def _plain(chance: Random, account: UUID, kind: str, moments: Sequence[datetime], **more: Any) -> Told:
    at = chance.choice(moments)
    recorded = max(at, chance.choice(moments)) if chance.random() < 0.4 else at
    if chance.random() < 0.05:
        recorded = at - timedelta(hours=3)
    return Told(account, kind, at, recorded, event_id=f"{account}:{chance.getrandbits(60):015x}", **more)


def _corrections(chance: Random, account: UUID, told: Sequence[Told], moments: Sequence[datetime]) -> list[Told]:
    """Words that take the place of others, or take them back; each word is superseded at most once."""
    found: list[Told] = []
    open_ends = [one for one in told if chance.random() < 0.25]
    while open_ends:
        one = open_ends.pop()
        if chance.random() < 0.3:
            correction = _plain(chance, account, "event.retracted", moments)
        else:
            correction = _event(chance, account, moments)
        recorded = max(chance.choice(moments), one.recorded_at or one.occurred_at) + MICROSECOND
        found.append(replace(correction, supersedes=one.event_id, recorded_at=recorded))
        if chance.random() < 0.3:
            open_ends.append(found[-1])
    return found


def _own(chance: Random, account: UUID, moments: Sequence[datetime]) -> list[Row]:
    """Words of our own people, some of which run out."""
    found = []
    for _ in range(chance.randint(0, 3)):
        one = _plain(chance, account, chance.choice(["pulse.given", "milestone.completed"]), moments)
        one = replace(one, item=chance.choice(["a", "b"]), value=chance.choice([1.0, 5.0]), source="milepost")
        expires = one.occurred_at + timedelta(days=chance.choice([1, 7])) if chance.random() < 0.7 else None
        found.append(Row(replace(one, sequence=f"own:{one.event_id}"), (), expires, own=True))
    return found


def chance_model(chance: Random) -> ScoreModel:
    """A model of questions by chance, every aggregation among them."""
    signals = [
        {"id": f"s{place}", "dimension": "all", "source": source, "normalise": {"kind": "map", "values": {"x": 1}}}
        for place, source in enumerate(make(chance) for make in (*_MAKERS, *chance.choices(_MAKERS, k=8)))
    ]
    plan = [{"id": "a", "target_day": chance.choice([0, 2.5, 10])}, {"id": "c", "target_day": 5, "weight": 3}]
    return parse_model(
        {
            "format": "health-score-model/1", "id": "chance", "timezone": chance.choice(ZONES),
            "dimensions": [{"id": "all", "weight": 1}], "bands": {"green": 70, "yellow": 40}, "signals": signals,
            "milestones": plan,
        }
    )  # fmt: skip


def _where(chance: Random) -> dict[str, Any]:
    """Nothing, or up to three clauses."""
    clauses: dict[str, Any] = {
        "type": lambda: chance.sample([kind for kind in TYPES if kind not in OUTCOME_TYPES], chance.randint(1, 4)),
        "role": lambda: chance.sample(["admin", "sponsor", "nobody"], 2),
        "actor": lambda: "ann",
        "kind": lambda: chance.sample(["survey", "ticket", "invoice", "pro", "high"], 2),
        "plan": lambda: chance.sample([one for one in ODD if isinstance(one, str | int | float)], 3),
        "mood": lambda: chance.choice([True, 1, "high"]),
        "value": lambda: chance.sample([7, 1.5, "left", "7"], 2),
        "source": lambda: [SOURCE],
    }
    names = chance.sample(sorted(clauses), chance.choice([0, 1, 1, 1, 2, 3]))
    return {name: clauses[name]() for name in names}


def _maybe(chance: Random, **options: Sequence[Any]) -> dict[str, Any]:
    return {name: chance.choice(values) for name, values in options.items() if chance.random() < 0.6}


def _of_events(agg: str, **options: Sequence[Any]) -> Any:
    def make(chance: Random) -> dict[str, Any]:
        needed = {name: chance.choice(values) for name, values in options.items()}
        window = _maybe(chance, window_days=WINDOWS)
        least = {} if agg in ("last", "days_since_last") else _maybe(chance, min_age_days=(0, 2, 30))
        return {"agg": agg, "where": _where(chance), **window, **least, **needed}

    return make


def _of_items(agg: str) -> Any:
    def make(chance: Random) -> dict[str, Any]:
        where = _maybe(
            chance, kind=("ticket", "task", ["invoice", "ticket"]), state=("opened", ["overdue", "issued"]),
            severity=(["high", 1], True), item=("a",),
        )  # fmt: skip
        return {"agg": agg, "where": where}

    return make


def _trend(agg: str) -> Any:
    def make(chance: Random) -> dict[str, Any]:
        buckets = chance.choice([2, 4, 6]) if agg == "momentum" else chance.choice([2, 3, 4, 5])
        return {"agg": agg, "where": _where(chance), "bucket_days": chance.choice([0.5, 1, 7]), "buckets": buckets}

    return make


def _ratio(chance: Random) -> dict[str, Any]:
    makers = [make for make in _MAKERS if make is not _ratio]
    below = chance.choice(["seats", "plan", 2, 0, chance.choice(makers)(chance)])
    return {
        "agg": "ratio",
        "num": chance.choice(makers)(chance),
        "den": below,
        **_maybe(chance, max=(1.0,), zero_den=(0, 1)),
    }


_NUMBERS = {"value": ("value", "plan", "mood", "actor")}
_MAKERS: tuple[Any, ...] = (
    _of_events("count"), _of_events("distinct", field=("actor", "plan", "value", "mood", "role", "item")),
    _of_events("active_days"), _of_events("sum", **_NUMBERS), _of_events("mean", min_n=(1, 2, 3), **_NUMBERS),
    _of_events("decayed_sum", half_life=(0.25, 2, 30), **_NUMBERS), _of_events("last", **_NUMBERS),
    _of_events("days_since_last"), lambda chance: _of_events("days_since_last")(chance) | {"never": "age"},
    lambda chance: {"agg": "time_to_first", "where": _where(chance)}, _ratio, _trend("slope"), _trend("momentum"),
    _of_items("open_items"), _of_items("overdue_items"), _of_items("oldest_open_age"),
    lambda chance: {"agg": "milestone_progress", **_maybe(chance, late_penalty_per_day=(0.1,), late_floor=(0.4,))},
    _of_events("breadth", expected=(["admin", "sponsor"], ["sponsor", "nobody", "other"])), _of_events("rate"),
)  # fmt: skip

__all__ = ["ANCHORS", "UTC", "Story", "chance_model", "chance_moments", "chance_story"]
