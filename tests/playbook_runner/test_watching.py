"""Claims about what starts playbooks besides a change of band: thresholds, silence, segments, dates, events, plans."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from support.outreach import Outreach, health_of, publish

from milepost_runtime.lanes import Claim, claim, drain
from playbook_runner.queries.watching import KEEPER
from playbook_runner.runs.watching import ensure_watching

BELOW = {"subject": "score", "operator": "lt", "value": 40}
Book = Callable[..., Awaitable[None]]


@pytest.fixture
async def watching(outreach: Outreach) -> Book:
    """Put a playbook in force that is started so, and let its watch settle."""

    async def begin(trigger: dict[str, Any], **more: Any) -> None:
        step = {"id": "say", "kind": "email", "to": "owner", "subject": "News", "text": "Look at {{ link }}"}
        document = {"id": "looked-for", "version": 1, "name": "Looked for", "trigger": trigger, "steps": [step]} | more
        await outreach.pool.execute("delete from playbook where id = 'nudge-owner-on-drop'")
        await outreach.runner.keeping.stock([document])
        await ensure_watching(outreach.pool)
        await look(outreach)

    return begin


async def look(outreach: Outreach, later: timedelta = timedelta()) -> None:
    """Let every watch look at everything, so much later."""
    back = "swept_at - interval '1 day'"
    await outreach.pool.execute(
        f"update watch set next_at = '-infinity', swept_at = {back}, begun_at = begun_at - $1::interval", later
    )
    await outreach.pool.execute("update armed set held_since = held_since - $1::interval", later)
    await drain(outreach.pool, outreach.runner.watching.lane)


def scored(outreach: Outreach, score: float, account: UUID | None = None, band: str = "yellow") -> UUID:
    """Have an account stand at a score."""
    account = account or uuid4()
    outreach.scoring.documents[account] = health_of(account, band).model_copy(update={"score": score})
    return account


async def moved(outreach: Outreach, account: UUID, score: float, **columns: Any) -> None:
    """Let the score of an account move, tell it in the feed, and look."""
    scored(outreach, score, account)
    await publish(outreach.scoring_pool, account, kind="score_moved", to_score=score, **columns)
    await outreach.pool.execute("update watch set next_at = '-infinity', swept_at = clock_timestamp()")
    await drain(outreach.pool, outreach.runner.watching.lane)


async def started(outreach: Outreach, account: UUID) -> list[str]:
    """Return why runs of an account were started, oldest first; what was started is over."""
    rows = await outreach.pool.fetch("select because from run where account_id = $1 order by started_at", account)
    await outreach.pool.execute("update run set state = 'done', ended_at = clock_timestamp()")
    return [row["because"] for row in rows]


async def test_a_threshold_fires_once_when_it_is_crossed_and_again_after_it_was_armed(
    outreach: Outreach, watching: Book
) -> None:
    account = scored(outreach, 60)
    rearm = {"subject": "score", "operator": "gt", "value": 50}
    await watching({"kind": "threshold", "when": BELOW, "rearm": rearm}, re_entry={"days": 0})
    await moved(outreach, account, 39.5)
    assert await started(outreach, account) == ["the score is 39.5, which is below 40"]
    for score in (45, 39, 44, 38):
        await moved(outreach, account, score)
    assert len(await started(outreach, account)) == 1
    await moved(outreach, account, 55)
    await moved(outreach, account, 39)
    assert len(await started(outreach, account)) == 2


async def test_who_is_below_when_the_watch_begins_is_left_alone_until_they_recover(
    outreach: Outreach, watching: Book
) -> None:
    account = scored(outreach, 30)
    await watching({"kind": "threshold", "when": BELOW})
    await look(outreach)
    await moved(outreach, account, 29)
    assert await started(outreach, account) == []
    await moved(outreach, account, 60)
    await moved(outreach, account, 30)
    assert len(await started(outreach, account)) == 1


async def test_an_account_that_joins_later_and_is_below_is_news_to_the_sweep(
    outreach: Outreach, watching: Book
) -> None:
    await watching({"kind": "threshold", "when": BELOW})
    account = scored(outreach, 30)
    await look(outreach)
    await look(outreach)

    assert len(await started(outreach, account)) == 1


@pytest.mark.parametrize("cause", ["backfill", "model"])
async def test_history_and_new_models_cross_no_threshold(outreach: Outreach, watching: Book, cause: str) -> None:
    account = scored(outreach, 60)
    await watching({"kind": "threshold", "when": BELOW})
    await moved(outreach, account, 30, cause=cause)
    await look(outreach)

    assert await started(outreach, account) == []


async def test_a_threshold_has_to_hold_and_what_recovers_meanwhile_starts_nothing(
    outreach: Outreach, watching: Book
) -> None:
    staying, recovering = scored(outreach, 60), scored(outreach, 60)
    await watching({"kind": "threshold", "when": BELOW, "hold_days": 3})
    await moved(outreach, staying, 30)
    await moved(outreach, recovering, 30)
    await moved(outreach, recovering, 60)
    assert await started(outreach, staying) == []
    await look(outreach, timedelta(days=3))

    assert await started(outreach, staying) == ["the score is 30, which is below 40, for 3 days by now"]
    assert await started(outreach, recovering) == []


async def test_silence_is_found_by_the_sweep_though_nothing_happens(outreach: Outreach, watching: Book) -> None:
    account = scored(outreach, 70)
    outreach.scoring.silences[account] = {"message.replied": 13.0}
    await watching({"kind": "silence", "events": ["message.replied"], "days": 14})
    assert await started(outreach, account) == []
    outreach.scoring.silences[account] = {"message.replied": 14.2}
    await look(outreach)
    await look(outreach)

    assert await started(outreach, account) == ["the days since the last message.replied is 14.2, which is at least 14"]


async def test_entering_and_leaving_a_segment_are_two_things(outreach: Outreach, watching: Book) -> None:
    account, stranger = scored(outreach, 60), scored(outreach, 60)
    gold = {"subject": "attribute.plan", "value": "gold"}
    outreach.scoring.attributes[account] = {"plan": "gold"}
    await watching({"kind": "segment", "on": "leaving", "when": gold})
    await look(outreach)
    assert await started(outreach, account) == []
    outreach.scoring.attributes[account] = {"plan": "silver"}
    await look(outreach)
    await look(outreach)

    assert len(await started(outreach, account)) == 1
    assert await started(outreach, stranger) == []


async def test_a_changed_condition_begins_anew_and_an_unchanged_one_goes_on(outreach: Outreach, watching: Book) -> None:
    account = scored(outreach, 45)
    await watching({"kind": "threshold", "when": BELOW})
    await watching({"kind": "threshold", "when": BELOW | {"value": 50}}, version=2)
    await look(outreach)
    assert await started(outreach, account) == []
    late = scored(outreach, 45)
    await watching({"kind": "threshold", "when": BELOW | {"value": 50}}, version=3)
    await look(outreach)
    assert len(await started(outreach, late)) == 1


async def test_a_date_starts_at_its_local_time_once_and_never_early(outreach: Outreach, watching: Book) -> None:
    account, now = scored(outreach, 60), datetime.now(UTC)
    zone = ZoneInfo("Pacific/Tongatapu")  # It never changes its clocks: a day ahead is 24 hours ahead.
    due = (now + timedelta(days=1)).astimezone(zone)
    outreach.scoring.attributes[account] = {
        "renewal": (due.date() + timedelta(days=30)).isoformat(), "timezone": zone.key
    }  # fmt: skip
    trigger = {"kind": "date", "attribute": "renewal", "offset_days": -30, "at": f"{due:%H:%M}"}
    await watching(trigger, re_entry={"days": 0})
    await look(outreach)
    assert await started(outreach, account) == []
    outreach.scoring.attributes[account]["renewal"] = (due.date() + timedelta(days=29)).isoformat()
    await look(outreach, timedelta(hours=1))
    await look(outreach)

    assert await started(outreach, account) == ["it is 30 days before the date in renewal"]
    asked = len(outreach.scoring.asked)
    await drain(outreach.pool, outreach.runner.watching.lane)
    assert len(outreach.scoring.asked) == asked, "a sweep that is over rests"


async def test_a_date_that_lay_before_the_watch_is_not_spoken_of(outreach: Outreach, watching: Book) -> None:
    account = scored(outreach, 60)
    outreach.scoring.attributes[account] = {"renewal": (datetime.now(UTC) - timedelta(days=3)).date().isoformat()}
    await watching({"kind": "date", "attribute": "renewal"})
    await look(outreach)

    assert await started(outreach, account) == []
    assert await outreach.outcomes(account) == []


async def test_a_band_has_to_last_before_it_starts_anything(outreach: Outreach, watching: Book) -> None:
    staying, back = uuid4(), uuid4()
    await watching({"kind": "band_changed", "to": ["red"], "hold_days": 2})
    for account in (staying, back):
        outreach.scoring.documents[account] = health_of(account, "red")
        await publish(outreach.scoring_pool, account)
    await publish(outreach.scoring_pool, back, from_band="red", to_band="yellow")
    await outreach.start()
    await look(outreach)
    assert await outreach.pool.fetchval("select count(*) from run") == 0
    await look(outreach, timedelta(days=2))

    assert await started(outreach, staying) == ["the band has been red for 2 days"]
    assert await started(outreach, back) == []


async def test_a_milestone_that_comes_to_be_late_starts_what_waits_for_it(outreach: Outreach, watching: Book) -> None:
    account, other = uuid4(), uuid4()
    await watching({"kind": "milestone", "states": ["late", "stuck"], "milestones": ["sso"]})
    for who, subject, state in ((account, "sso", "due"), (account, "sso", "late"), (other, "kickoff", "late")):
        news = await publish(outreach.scoring_pool, who, kind="milestone_moved")
        told = "update change set subject = $2, detail = $3 where id = $1"
        await outreach.scoring_pool.execute(told, news, subject, {"from": "ahead", "to": state})
    await outreach.start()

    assert await started(outreach, account) == ["the milestone sso came to be late"]
    assert await started(outreach, other) == []


async def happened(database_url: str, account: UUID, kind: str, ago: timedelta, event_id: str = "") -> None:
    """Publish an event as the front door does."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "insert into ingest.event (event_id, account_id, type, occurred_at, recorded_at, source)"
        " values ($1, $2, $3, clock_timestamp() - $4::interval, clock_timestamp(), 'test')",
        event_id or str(uuid4()), account, kind, ago,
    )  # fmt: skip
    await connection.close()


async def test_an_event_starts_what_waits_for_it_once_and_an_old_one_does_not(
    outreach: Outreach, watching: Book, database_url: str
) -> None:
    account, late, other = uuid4(), uuid4(), uuid4()
    await watching({"kind": "event", "events": ["cancellation.noticed"]})
    await happened(database_url, account, "cancellation.noticed", timedelta(hours=1))
    await happened(database_url, late, "cancellation.noticed", timedelta(days=3))
    await happened(database_url, other, "invoice.paid", timedelta(hours=1))
    await outreach.start()
    await outreach.pool.execute("update cursor set position = 0")
    await outreach.start()

    assert [one.startswith("cancellation.noticed happened at") for one in await started(outreach, account)] == [True]
    assert await started(outreach, late) == await started(outreach, other) == []
    assert await outreach.outcomes(account) == []


async def test_without_an_answer_nothing_is_looked_at_and_nothing_is_lost(outreach: Outreach, watching: Book) -> None:
    account = scored(outreach, 60)
    await watching({"kind": "threshold", "when": BELOW})
    outreach.scoring.status = 503
    await moved(outreach, account, 30)
    assert await started(outreach, account) == []
    outreach.scoring.status = 200
    await look(outreach)

    assert len(await started(outreach, account)) == 1


async def test_a_watch_of_a_paused_playbook_sees_what_happens_and_starts_nothing(
    outreach: Outreach, watching: Book
) -> None:
    account = scored(outreach, 60)
    await watching({"kind": "threshold", "when": BELOW})
    await outreach.runner.keeping.set_state("looked-for", "paused", "test")
    await moved(outreach, account, 30)
    await outreach.runner.keeping.set_state("looked-for", "active", "test")
    await look(outreach)

    assert await started(outreach, account) == []
    assert await outreach.outcomes(account) == [("suppressed", "playbook_paused")]


async def test_a_playbook_that_is_back_before_its_watch_was_taken_away_is_still_watched(
    outreach: Outreach, watching: Book
) -> None:
    await watching({"kind": "threshold", "when": BELOW})
    await outreach.pool.execute("update playbook set state = 'retired' where id = 'looked-for'")
    away = "case when playbook_id = 'looked-for' then '-infinity' else clock_timestamp() + interval '1 hour' end"
    await outreach.pool.execute(f"update watch set next_at = {away}")
    await drain(outreach.pool, outreach.runner.watching.lane)
    await outreach.pool.execute("update playbook set state = 'active' where id = 'looked-for'")

    assert await outreach.pool.fetchval("select next_at from watch where playbook_id = 'looked-for'") is not None


async def due(outreach: Outreach, name: str) -> list[Claim]:
    """Claim one watch (or the keeper of all) that is to look at the whole book, and nothing else."""
    back = "swept_at - interval '1 day'"
    free = f"next_at = '-infinity', lease_until = null, swept_at = {back}"
    await outreach.pool.execute(f"update watch set {free} where playbook_id = $1", name)
    await outreach.pool.execute("update watch set next_at = 'infinity' where playbook_id <> $1", name)
    async with outreach.pool.acquire() as connection:
        claims = await claim(connection, outreach.runner.watching.lane, 20)
    assert [one.key for one in claims] == [name]
    return claims


async def settled_then_wider(outreach: Outreach, watching: Book) -> None:
    """Let a watch settle for whom nothing holds; then have a version by which it holds for the whole book."""
    await watching({"kind": "threshold", "when": BELOW | {"value": 80}})
    await watching({"kind": "threshold", "when": BELOW}, version=2)
    for _ in range(5):
        scored(outreach, 60)
    for _ in range(3):
        await look(outreach)
    assert await outreach.pool.fetchval("select settled from watch where playbook_id = 'looked-for'")


async def test_what_holds_already_by_a_changed_trigger_is_no_news_though_a_look_was_under_way(
    outreach: Outreach, watching: Book
) -> None:
    await settled_then_wider(outreach, watching)
    runner = outreach.runner
    async with outreach.while_asked(runner.watching.watch(await due(outreach, "looked-for"))):
        await runner.releasing.rollback("looked-for", "stay", "kim")
        await runner.watching.watch(await due(outreach, KEEPER))
    for _ in range(3):
        await look(outreach)

    assert await outreach.pool.fetchval("select count(*) from run") == 0


async def test_what_holds_already_by_a_changed_trigger_is_no_news_before_its_watch_begins_anew(
    outreach: Outreach, watching: Book
) -> None:
    await settled_then_wider(outreach, watching)
    await outreach.runner.releasing.rollback("looked-for", "stay", "kim")
    await outreach.runner.watching.watch(await due(outreach, "looked-for"))
    for _ in range(3):
        await look(outreach)

    assert await outreach.pool.fetchval("select count(*) from run") == 0


async def test_a_look_from_before_a_watch_was_away_is_worth_nothing_once_it_is_back(
    outreach: Outreach, watching: Book
) -> None:
    await watching({"kind": "threshold", "when": BELOW})
    before = await due(outreach, "looked-for")
    async with outreach.while_asked(outreach.runner.watching.watch(before), delay_s=1.0):
        for state in ("retired", "active"):
            await outreach.pool.execute("update playbook set state = $1 where id = 'looked-for'", state)
            news = await publish(outreach.scoring_pool, uuid4())
            await outreach.runner.watching.watch(await due(outreach, KEEPER))
        while (await due(outreach, "looked-for"))[0].fence < before[0].fence:
            pass
        anew = await outreach.pool.fetchrow("select * from watch where playbook_id = 'looked-for'")

    assert (anew["settled"], anew["position"]) == (False, news), "what happened while it was away is no news"
    assert await outreach.pool.fetchrow("select * from watch where playbook_id = 'looked-for'") == anew


async def test_a_version_that_is_replaced_while_its_watch_looks_begins_no_run(
    outreach: Outreach, watching: Book
) -> None:
    for version in (1, 2):
        await watching({"kind": "threshold", "when": BELOW}, version=version)
    await look(outreach)
    account = scored(outreach, 30)
    async with outreach.while_asked(look(outreach)):
        await outreach.runner.releasing.rollback("looked-for", "stop", "kim")
    await look(outreach)

    assert (await outreach.one("run", account))["version"] == 1
