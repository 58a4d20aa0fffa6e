"""Claims about dates of accounts: waits and triggers that go by them, in the place where the account lives."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from support.outreach import Outreach, health_of

from milepost_core.playbooks import Playbook
from milepost_core.playbooks.conditions import Fact
from milepost_core.playbooks.document import DateTrigger, WaitStep
from milepost_core.playbooks.watching import Stand
from milepost_core.schedules import Calendar, instant
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from playbook_runner.people.calendars import public_days
from playbook_runner.queries.waking import SETTLED_S
from playbook_runner.rehearsal.scenes import Happened, Span, scene
from playbook_runner.runs.asking import Known
from playbook_runner.runs.watching import ensure_watching

DAY = timedelta(days=1)
FAR = (datetime.now(UTC) + 300 * DAY).date()
TASK = {"id": "call", "kind": "task", "owner": ["owner"], "title": "Call them", "script": "Say hello"}
MAIL = {"id": "say", "kind": "email", "to": "owner", "subject": "News", "text": "Look at {{ link }}"}


async def scored(outreach: Outreach, **attributes: Any) -> UUID:
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, "yellow")
    outreach.scoring.attributes[account] = attributes
    return account


async def waits(outreach: Outreach, wait: dict[str, Any], **attributes: Any) -> UUID:
    """Start a playbook by hand that waits so and then asks for a call."""
    account = await scored(outreach, **attributes)
    steps = [{"id": "wait", "kind": "wait"} | wait, TASK]
    head = {"format": "playbook/1", "id": "plan", "version": 1, "name": "Plan", "trigger": {"kind": "by_hand"}}
    await outreach.runner.keeping.stock([head | {"steps": steps}])
    await outreach.runner.by_hand.start(account, "plan", "a hunch", "kim")
    await outreach.advance()
    return account


async def stood(outreach: Outreach, account: UUID) -> dict[str, str]:
    rows = await outreach.pool.fetch(
        "select path, state from step where account_id = $1 order by created_at, id", account
    )
    return {row["path"]: row["state"] for row in rows}


async def told(outreach: Outreach, ingest_pool: Pool, account: UUID, **attributes: Any) -> None:
    """Say of an account what it has become, to everybody; what that wakes is looked at."""
    outreach.scoring.attributes[account] |= attributes
    await ingest_pool.execute(
        "insert into event (event_id, account_id, type, occurred_at, source, properties)"
        " values ($1, $2, 'account.updated', clock_timestamp(), 'tests', $3)",
        str(uuid4()),
        account,
        attributes,
    )
    await asyncio.sleep(SETTLED_S + 0.05)
    await drain(outreach.pool, outreach.runner.waking.lane)
    await outreach.advance()


async def dated(outreach: Outreach, **trigger: Any) -> None:
    """Put a playbook in force that starts at a date, and have it watch for a hundred days by now."""
    document = {"id": "at-a-date", "version": 1, "name": "At a date", "re_entry": {"days": 0}, "steps": [MAIL]}
    await outreach.pool.execute("delete from playbook where id = 'nudge-owner-on-drop'")
    await outreach.runner.keeping.stock([document | {"trigger": {"kind": "date", "attribute": "renewal"} | trigger}])
    await ensure_watching(outreach.pool)
    await look(outreach)
    await outreach.pool.execute("update watch set begun_at = begun_at - interval '100 days'")


async def look(outreach: Outreach) -> None:
    await outreach.pool.execute("update watch set next_at = '-infinity', swept_at = swept_at - interval '1 day'")
    await drain(outreach.pool, outreach.runner.watching.lane)


async def runs(outreach: Outreach, account: UUID) -> int:
    """Return how many runs an account ever had; what was started is over."""
    await outreach.pool.execute("update run set state = 'done', ended_at = clock_timestamp()")
    found: int = await outreach.pool.fetchval("select count(*) from run where account_id = $1", account)
    return found


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({}, "date_missing"),
        ({"renewal": "2027/06/01"}, "date_unreadable"),
        ({"renewal": "01.06.2027"}, "date_unreadable"),
        ({"renewal": "soon"}, "date_unreadable"),
        ({"renewal": ""}, "date_unreadable"),
        ({"renewal": "2099-12-31"}, "date_too_far"),
    ],
)
async def test_a_run_ends_where_nobody_can_tell_the_date_that_it_waits_for(
    outreach: Outreach, attributes: dict[str, Any], code: str
) -> None:
    account = await waits(outreach, {"attribute": "renewal"}, **attributes)
    run = await outreach.one("run", account)

    assert await stood(outreach, account) == {"wait": "skipped"}
    assert (run["state"], run["end_code"]) == ("done", code)
    assert await outreach.outcomes(account) == [("skipped", code)]


async def test_a_date_that_cannot_be_read_is_waited_for_and_then_the_other_way_is_taken(outreach: Outreach) -> None:
    wait = {"attribute": "renewal", "timeout_days": 2, "on_timeout": "end"}
    account = await waits(outreach, wait, renewal="soon")
    assert await stood(outreach, account) == {"wait": "waiting"}
    await outreach.pool.execute("update step set created_at = created_at - interval '2 days'")
    await outreach.later("step", 2 * DAY)
    await outreach.advance()

    assert await stood(outreach, account) == {"wait": "skipped"}
    assert (await outreach.one("run", account))["end_code"] == "completed"


async def test_a_date_that_becomes_unreadable_on_the_way_does_not_let_the_run_go_on(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    account = await waits(outreach, {"attribute": "renewal"}, renewal=FAR.isoformat())
    assert await stood(outreach, account) == {"wait": "waiting"}
    await told(outreach, ingest_pool, account, renewal=f"{FAR:%d.%m.%Y}")

    assert (await outreach.one("run", account))["end_code"] == "date_unreadable"


async def test_a_date_is_read_as_hubspot_writes_it(outreach: Outreach) -> None:
    midnight = datetime.combine(FAR, time(0), UTC)
    account = await waits(
        outreach, {"attribute": "renewal"}, renewal=str(int(midnight.timestamp()) * 1000), timezone="Asia/Tokyo"
    )
    due = instant(FAR, time(9), ZoneInfo("Asia/Tokyo"))

    assert (await outreach.one("step", account))["reason"].endswith(f"{due:%Y-%m-%d %H:%M} UTC")


async def test_a_date_that_moves_nearer_ends_the_wait_and_one_that_moves_away_prolongs_it(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    account = await waits(outreach, {"attribute": "renewal"}, renewal=FAR.isoformat())
    await told(outreach, ingest_pool, account, renewal=(FAR + DAY).isoformat())
    step = await outreach.one("step", account)

    assert step["state"] == "waiting"
    assert (FAR + DAY).isoformat() in step["reason"]
    assert step["next_at"] - step["created_at"] < timedelta(minutes=6), "it asks again once that is known everywhere"
    await told(outreach, ingest_pool, account, renewal=datetime.now(UTC).date().isoformat() + "T00:00Z")
    assert await stood(outreach, account) == {"wait": "done", "call": "performing"}


async def test_a_date_that_moved_without_a_word_is_seen_within_a_day(outreach: Outreach) -> None:
    account = await waits(outreach, {"attribute": "renewal"}, renewal=FAR.isoformat())
    step = await outreach.one("step", account)
    assert timedelta(0) < step["next_at"] - step["created_at"] <= DAY + timedelta(seconds=9)
    outreach.scoring.attributes[account]["renewal"] = datetime.now(UTC).date().isoformat() + "T00:00Z"
    await outreach.later("step", DAY)
    await outreach.advance()

    assert await stood(outreach, account) == {"wait": "done", "call": "performing"}


async def test_waits_go_by_the_policys_place_where_nobody_knows_that_of_the_account(outreach: Outreach) -> None:
    await outreach.runner.policies.say({"zone": "Asia/Kathmandu", "region": "DE", "workdays": ["sun"]}, "test")
    zone = ZoneInfo("Asia/Kathmandu")
    at_once = datetime.now(UTC).astimezone(zone)
    sunday = at_once.date() + timedelta(days=6 - at_once.weekday() or 7)
    await outreach.runner.policies.add_day("DE", sunday, "Works outing")
    nowhere = await waits(outreach, {"business_days": 1})
    nonsense = await waits(outreach, {"business_days": 1}, timezone="right/Europe/Berlin", region="Nowhere")
    unscored = await scored(outreach)
    await outreach.runner.by_hand.start(unscored, "plan", "a hunch", "kim")
    del outreach.scoring.documents[unscored]
    await outreach.advance()
    hours = {at_once.hour, datetime.now(UTC).astimezone(zone).hour}

    ends = sunday + 7 * DAY
    while ends in public_days("DE", ends.year):
        ends += 7 * DAY
    for account in (nowhere, nonsense, unscored):
        due = (await outreach.one("step", account))["next_at"].astimezone(zone)
        assert (due.date(), due.hour in hours) == (ends, True)


async def test_the_days_off_of_a_country_count_in_all_its_parts_however_they_are_written(outreach: Outreach) -> None:
    today = datetime.now(UTC).date()
    worked = next(day for n in range(1, 9) if (day := today + n * DAY) not in public_days("DE-BY", day.year))
    every = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    await outreach.runner.policies.say({"workdays": every}, "test")
    before = await waits(outreach, {"business_days": 1}, region="de-by")
    await outreach.runner.policies.add_day("DE", worked, "Bridge")
    after = await waits(outreach, {"business_days": 1}, region="de-by")

    ends = [(await outreach.one("step", account))["next_at"].date() for account in (before, after)]
    assert ends[0] == worked
    assert ends[1] > worked


async def test_a_date_starts_once_though_the_account_moves_to_another_zone(outreach: Outreach) -> None:
    today = datetime.now(UTC).date()
    account = await scored(outreach, renewal=today.isoformat(), timezone="Pacific/Auckland")
    await dated(outreach, at="00:00")
    for zone in ("Pacific/Auckland", "UTC", "Pacific/Kiritimati", "UTC"):
        outreach.scoring.attributes[account]["timezone"] = zone
        await look(outreach)
        assert await runs(outreach, account) == 1
    outreach.scoring.attributes[account]["renewal"] = (today - DAY).isoformat()
    await look(outreach)
    assert await runs(outreach, account) == 2, "another day is another date"


async def test_dates_of_one_form_start_and_of_any_other_do_not(outreach: Outreach) -> None:
    day = datetime.now(UTC).date() - DAY
    count = int(datetime.combine(day, time(0), UTC).timestamp()) * 1000
    forms = [day.isoformat(), f"{day}T05:00:00Z", str(count), count]
    others = [f"{day:%Y%m%d}", f"{day:%G-W%V-%u}", f"{day:%d.%m.%Y}", "", True]
    await dated(outreach, at="00:00")
    read = [await scored(outreach, renewal=one) for one in forms]
    unread = [await scored(outreach, renewal=one) for one in others]
    await look(outreach)

    assert [await runs(outreach, account) for account in read] == [1] * len(forms)
    assert [await runs(outreach, account) for account in unread] == [0] * len(others)


async def test_a_date_trigger_goes_by_the_policys_zone_where_nobody_knows_that_of_the_account(
    outreach: Outreach,
) -> None:
    zone = ZoneInfo("Pacific/Kiritimati")
    await outreach.runner.policies.say({"zone": zone.key}, "test")
    there = datetime.now(UTC).astimezone(zone)
    account = await scored(outreach, renewal=there.date().isoformat(), timezone="right/UTC")
    await dated(outreach, at=f"{there:%H:%M}")
    await look(outreach)

    assert await runs(outreach, account) == 1, "in UTC it is due fourteen hours later"


@pytest.mark.parametrize("days", [20, 40, 90])
async def test_a_date_that_came_while_nobody_looked_leaves_a_line_however_long_ago(
    outreach: Outreach, days: int
) -> None:
    account = await scored(outreach, renewal=(datetime.now(UTC) - days * DAY).date().isoformat())
    await dated(outreach, at="00:00")
    await look(outreach)
    await look(outreach)

    assert await outreach.outcomes(account) == [("skipped", "stale_change")]


async def test_dates_of_long_ago_are_gone_through_once_a_day_and_those_of_today_in_every_sweep(
    outreach: Outreach,
) -> None:
    await dated(outreach, at="00:00")
    await look(outreach)
    late = await scored(outreach, renewal=(datetime.now(UTC) - 30 * DAY).date().isoformat())
    today = await scored(outreach, renewal=datetime.now(UTC).date().isoformat())
    # Five minutes later, on the same day; and then on the next.
    soon = "greatest(swept_at - interval '5 minutes', date_trunc('day', clock_timestamp(), 'UTC'))"
    await outreach.pool.execute(f"update watch set next_at = '-infinity', swept_at = {soon}")
    await drain(outreach.pool, replace(outreach.runner.watching, sweep_every_s=0.0).lane, seconds=0.5)
    same_day = [await runs(outreach, today), len(await outreach.outcomes(late))]
    await look(outreach)

    assert same_day == [1, 0]
    assert await outreach.outcomes(late) == [("skipped", "stale_change")]


def test_a_rehearsal_starts_at_a_date_when_the_watch_would() -> None:
    trigger = DateTrigger("renewal", -1, time(7, 30))
    playbook = Playbook("at-a-date", 1, "At a date", "", trigger, (WaitStep("w", days=1),))
    facts = {"attribute.renewal": Fact("2027-06-01T23:00:00Z")}
    span = Span(datetime(2027, 5, 1, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC))
    known = Known(facts, {"renewal": "2027-06-01T23:00:00Z"}, Calendar(ZoneInfo("Asia/Tokyo")))

    found = scene(playbook, uuid4(), known, Happened(), span).occasions
    assert [one.happened_at for one in found] == [datetime(2027, 5, 31, 22, 30, tzinfo=UTC)]

    answered = Stand(armed=True, held_since=datetime(2027, 5, 31, tzinfo=UTC))
    again = scene(playbook, uuid4(), known, Happened(), span, answered).occasions
    assert again == (), "the watch answered that day already"
