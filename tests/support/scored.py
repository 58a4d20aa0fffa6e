"""A few customers told to the feed and scored by the service's own lanes: what the web side reads is real."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
from support.histories import Told, new_account, tell
from support.scoring_web import Web

from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from milepost_runtime.queue import Hints
from scoring_api.scores.lineup import KeptLineUps
from scoring_api.service import Scoring, build


def thriving(account: UUID, now: datetime) -> list[Told]:
    """Fifty days in: used daily by most seats, milestones in time, meetings held, nothing open."""
    start = now - timedelta(days=50)
    told = _introduced(account, start, "Blue Fjord Insurance", "enterprise", "blue-fjord.example")
    told += [_use(account, start + timedelta(days=n, hours=9), f"user{n % 9}", f"feature{n % 6}") for n in range(2, 50)]
    told += [
        Told(account, "milestone.completed", start + timedelta(days=n), item=name)
        for n, name in ((2, "kickoff"), (12, "sso"), (20, "data_import"), (26, "first_report"), (44, "team_trained"))
    ]
    told += [Told(account, "meeting.attended", now - timedelta(days=n), role="sponsor") for n in (2, 16, 30)]
    told.append(Told(account, "survey.answered", now - timedelta(days=5), value=9.0))
    told += _invoice(account, now - timedelta(days=20), paid=now - timedelta(days=15))
    return told


def stalled(account: UUID, now: datetime) -> list[Told]:
    """Sixty days in: use faded, milestones late, two urgent tickets open, the sponsor has left."""
    start = now - timedelta(days=60)
    told = _introduced(account, start, "Harbour & Pine Logistics", "mid-market", "harbourpine.example")
    told += [_use(account, start + timedelta(days=n), f"user{n % 3}", "feature1") for n in range(1, 35, 2)]
    told += [Told(account, "milestone.completed", start + timedelta(days=n), item=name)
             for n, name in ((2, "kickoff"), (30, "sso"))]  # fmt: skip
    told += [
        Told(account, "ticket.opened", now - timedelta(days=n), item=f"T-{n}", properties={"severity": "high"})
        for n in (9, 4)
    ]
    told += [Told(account, "meeting.missed", now - timedelta(days=n)) for n in (6, 20)]
    told.append(Told(account, "stakeholder.joined", start, role="sponsor", item="maria"))
    told.append(Told(account, "stakeholder.left", now - timedelta(days=12), role="sponsor", item="maria"))
    told += _invoice(account, now - timedelta(days=40), paid=None)
    return told


def newcomer(account: UUID, now: datetime) -> list[Told]:
    """Two days in: too little is known for a band."""
    return _introduced(account, now - timedelta(days=2), "Atelier Nord", "smb", "atelier-nord.example")


async def score(web: Web, pool: Pool, stories: Sequence[list[Told]]) -> Scoring:
    """Tell the stories to the feed and let the lanes record and score them."""
    hints = Hints(web.settings.redis_url)
    scoring = build(web.settings, KeptLineUps(web.founding), pool, hints)
    for story in stories:
        await tell(web.owner, story)
    await drain(pool, scoring.recording.lane, seconds=30)
    await drain(pool, scoring.rescoring.lane, seconds=30)
    return scoring


async def three_customers(web: Web, pool: Pool, now: datetime) -> dict[str, UUID]:
    """Score one customer of each kind and return their ids."""
    ids = {kind: new_account() for kind in ("thriving", "stalled", "newcomer")}
    await score(
        web, pool, [thriving(ids["thriving"], now), stalled(ids["stalled"], now), newcomer(ids["newcomer"], now)]
    )
    return ids


async def clock(owner: asyncpg.Connection) -> datetime:
    """The database's clock, which the lanes go by."""
    moment: datetime = await owner.fetchval("select clock_timestamp()")
    return moment


def _introduced(account: UUID, start: datetime, name: str, segment: str, domain: str) -> list[Told]:
    known = Told(account, "account.linked", start - timedelta(days=1), value_text=f"domain:{domain}")
    about = {"name": name, "segment": segment, "owner": "Dana Reyes", "seats": 10}
    return [
        known,
        replace(known, value_text=f"external:{name.split(maxsplit=1)[0].lower()}"),
        Told(account, "account.started", start),
        Told(account, "account.updated", start - timedelta(days=1), properties=about),
    ]


def _use(account: UUID, at: datetime, actor: str, feature: str) -> Told:
    role = "sponsor" if actor == "user0" else "admin"
    return Told(account, "feature.used", at, actor=actor, role=role, item=feature)


def _invoice(account: UUID, at: datetime, paid: datetime | None) -> list[Told]:
    if paid is not None:
        return [Told(account, "invoice.issued", at, item="I-1"), Told(account, "invoice.paid", paid, item="I-1")]
    overdue = Told(account, "invoice.overdue", at + timedelta(days=14), item="I-1")
    return [Told(account, "invoice.issued", at, item="I-1"), overdue]
