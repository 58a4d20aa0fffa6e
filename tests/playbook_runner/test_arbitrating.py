"""Claims about the one gate: caps hold however many ask at once, opt-outs are seen, higher priority goes first."""

import asyncio
import hashlib
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.outreach import Outreach

from milepost_core.arbiter import Allow, Defer, Policy, Refuse, Verdict, document_of
from milepost_runtime.database import Pool
from milepost_runtime.secrets import Vault
from playbook_runner.arbiter.arbitrating import Arbitrating, Asked
from playbook_runner.people.calendars import Calendars
from playbook_runner.queries.matters import keep
from playbook_runner.runs.heeding import fold
from playbook_runner.wording.ways_out import Leaving

TABLES = "policy, holiday, person, absence, suppression, matter, touch, effect, assignment"
ALWAYS = {"opens": "00:00", "closes": "00:00", "workdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}
MONDAY = datetime(2026, 6, 8, 0, 0, tzinfo=UTC)
ONE_A_DAY = [{"of": "person", "most": 1, "days": 1}]


@pytest.fixture
async def pool(playbooks_pool: Pool) -> Pool:
    await playbooks_pool.execute(f"truncate {TABLES}")
    return playbooks_pool


@pytest.fixture
def gate() -> Arbitrating:
    return Arbitrating(Vault("a secret of these tests"))


def asked(account: UUID | None = None, recipient: str = "ana@customer.example", **parts: Any) -> Asked:
    key = hashlib.sha256(uuid4().bytes).digest()
    at = parts.pop("asked_at", datetime.now(UTC))
    return Asked(key, account or uuid4(), "welcome", "email", recipient, at, **parts)


async def say(pool: Pool, **parts: Any) -> None:
    """Put a policy in force: around the clock, with these parts."""
    document = document_of(Policy()) | ALWAYS | {"holidays": False} | parts
    await pool.execute(
        "insert into policy (version, document) values ((select coalesce(max(version), 0) + 1 from policy), $1)",
        document,
    )


async def admitted(pool: Pool, gate: Arbitrating, *questions: Asked) -> list[Verdict]:
    async with pool.acquire() as connection, connection.transaction():
        return await gate.admit(connection, questions)


def spoken(verdict: Verdict) -> str:
    return "allow" if isinstance(verdict, Allow) else verdict.code


async def test_of_many_that_ask_at_once_a_cap_lets_as_many_through_as_it_says(pool: Pool, gate: Arbitrating) -> None:
    await say(pool, caps=[{"of": "account", "most": 3, "days": 7}])
    account = uuid4()
    questions = [asked(account, f"p{number}@customer.example") for number in range(16)]
    answers = await asyncio.gather(*(admitted(pool, gate, one) for one in questions))

    assert sorted(spoken(one) for (one,) in answers) == ["allow"] * 3 + ["cap_account"] * 13
    assert await pool.fetchval("select count(*) from touch") == 3


async def test_one_mailbox_is_one_person_however_it_is_written(pool: Pool, gate: Arbitrating) -> None:
    await say(pool, caps=ONE_A_DAY)
    first = await admitted(pool, gate, asked(recipient="ana@bücher.example"))
    writings = ["Ana@xn--bcher-kva.example", "ana+news@BÜCHER.example", "ANA@Bücher.Example"]
    again = [await admitted(pool, gate, asked(recipient=one)) for one in writings]

    assert [spoken(one) for one in first] == ["allow"]
    assert [spoken(one) for (one,) in again] == ["cap_person"] * 3


async def test_a_role_in_the_product_is_somebody_else_at_every_account(pool: Pool, gate: Arbitrating) -> None:
    await say(pool, caps=ONE_A_DAY)
    one, other = uuid4(), uuid4()
    shown = [asked(account, "admin")._replace(channel="in_app") for account in (one, other, one)]
    answers = [spoken(verdict) for message in shown for verdict in await admitted(pool, gate, message)]

    assert answers == ["allow", "allow", "cap_person"]


async def test_in_one_batch_higher_priority_goes_first_and_what_is_owed_always(pool: Pool, gate: Arbitrating) -> None:
    await say(pool, caps=ONE_A_DAY)
    account = uuid4()
    answers = await admitted(
        pool, gate, asked(account, priority=10), asked(account, priority=90), asked(account, transactional=True)
    )

    assert [spoken(one) for one in answers] == ["cap_person", "allow", "allow"]


async def test_a_place_is_kept_for_what_waits_with_higher_priority(pool: Pool, gate: Arbitrating) -> None:
    await say(pool, caps=ONE_A_DAY)
    account, waiting = uuid4(), hashlib.sha256(b"waiting").digest()
    await pool.execute(
        "insert into effect (key, account_id, run_id, step_id, channel, recipient, priority, state, next_at)"
        " values ($1, $2, $3, $3, 'email', 'Ana@customer.example', 80, 'ready', clock_timestamp() + interval '1 hour')",
        waiting,
        account,
        uuid4(),
    )
    (low,) = await admitted(pool, gate, asked(account, priority=20))
    (high,) = await admitted(pool, gate, asked(account, priority=80)._replace(key=waiting))

    assert [spoken(low), spoken(high)] == ["after_others_person", "allow"]


async def test_what_was_taken_back_counts_no_more(pool: Pool, gate: Arbitrating) -> None:
    await say(pool, caps=ONE_A_DAY)
    account, one = uuid4(), asked()
    await admitted(pool, gate, one)
    for state, expected in (("done", "cap_person"), ("ready", "allow")):
        await pool.execute(
            "insert into effect (key, account_id, run_id, step_id, channel, recipient, state)"
            " values ($1, $2, $3, $3, 'email', 'x', $4) on conflict (key, account_id) do update set state = $4",
            one.key,
            one.account_id,
            uuid4(),
            state,
        )
        async with pool.acquire() as connection:
            (answer,) = await gate.decide(connection, [asked(account)])
        assert spoken(answer) == expected


@pytest.mark.parametrize(
    ("kind", "of", "expected"),
    [
        ("opt_out", "person", ["opt_out", "allow", "opt_out"]),
        ("complained", "person", ["complained", "allow", "complained"]),
        ("bounced", "person", ["bounced", "bounced", "bounced"]),
        ("legal_hold", "account", ["legal_hold", "legal_hold", "allow"]),
        ("hands_off", "account", ["hands_off", "allow", "allow"]),
    ],
)
async def test_who_is_left_alone_is_left_alone(
    pool: Pool, gate: Arbitrating, kind: str, of: str, expected: list[str]
) -> None:
    await say(pool)
    account = uuid4()
    person = gate.person_of("email", "ana@customer.example", account) if of == "person" else None
    await pool.execute(
        "insert into suppression (id, account_id, person, kind) values (gen_random_uuid(), $1, $2, $3)",
        account if of == "account" else None,
        person,
        kind,
    )
    plain_owed_and_inside: list[dict[str, Any]] = [{}, {"transactional": True}, {"colleague": True}]
    async with pool.acquire() as connection:
        answers = await gate.decide(connection, [asked(account, **parts) for parts in plain_owed_and_inside])
    assert [spoken(one) for one in answers] == expected
    (elsewhere,) = await admitted(pool, gate, asked(uuid4(), "ben@customer.example"))
    assert spoken(elsewhere) == "allow"


async def test_a_hand_is_kept_off_until_its_day(pool: Pool, gate: Arbitrating) -> None:
    await say(pool)
    account, until = uuid4(), datetime.now(UTC) + timedelta(days=2)
    await pool.execute(
        "insert into suppression (id, account_id, kind, reason, until)"
        " values (gen_random_uuid(), $1, 'hands_off', 'in talks', $2)",
        account,
        until,
    )
    (answer,) = await admitted(pool, gate, asked(account))

    assert isinstance(answer, Defer)
    assert answer.until >= until
    assert "in talks" in answer.sentence


async def test_an_account_that_is_held_out_gets_nothing_of_that_playbook(pool: Pool, gate: Arbitrating) -> None:
    await say(pool)
    account = uuid4()
    await pool.execute(
        "insert into assignment (account_id, playbook_id, version, arm, bucket)"
        " values ($1, 'welcome', 1, 'holdout', 0.1)",
        account,
    )
    (held,) = await admitted(pool, gate, asked(account))
    (other,) = await admitted(pool, gate, asked(account)._replace(playbook_id="another"))

    assert isinstance(held, Refuse)
    assert [held.code, spoken(other)] == ["holdout", "allow"]


async def test_a_colleague_keeps_their_own_hours_and_a_shared_mailbox_none(pool: Pool, gate: Arbitrating) -> None:
    await say(pool, opens="08:00", closes="18:00", workdays=["mon", "tue", "wed", "thu", "fri"])
    await pool.execute(
        "insert into person (id, email, zone, region) values ('kim', 'Kim@vendor.example', 'Pacific/Auckland', 'NZ')"
    )
    noon_in_london = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
    async with pool.acquire() as connection:
        answers = await gate.decide(
            connection,
            [
                asked(recipient="kim@vendor.example", colleague=True),
                asked(recipient="team@vendor.example", colleague=True),
                asked(recipient="ana@customer.example", zone="Europe/London"),
                asked(recipient="bo@customer.example", zone="Asia/Tokyo"),
            ],
            noon_in_london,
        )

    assert [spoken(one) for one in answers] == ["quiet_hours", "allow", "allow", "quiet_hours"]


async def test_public_holidays_and_the_companys_own_days_are_kept(pool: Pool, gate: Arbitrating) -> None:
    await say(pool, holidays=True)
    await pool.execute("insert into holiday (region, day, name) values ('US', '2026-06-10', 'summer day')")
    american = asked(recipient="joe@customer.example", region="US-CA")
    unity, own = datetime(2026, 10, 3, 11, tzinfo=UTC), datetime(2026, 6, 10, 15, tzinfo=UTC)
    async with pool.acquire() as connection:
        in_autumn, in_summer = [
            [spoken(one) for one in await gate.decide(connection, [asked(region="DE-BY"), american], now)]
            for now in (unity, own)
        ]

    assert in_autumn == ["holiday", "allow"]
    assert in_summer == ["allow", "holiday"]


@pytest.mark.parametrize("region", ["", "Bavaria", "utils", "HolidayBase", "DE-XX", "de-by", "-", "__class__"])
def test_any_text_for_a_region_makes_a_calendar(region: str) -> None:
    calendar = Calendars().of("UTC", region, date(2026, 10, 1))

    assert calendar.works_on(date(2026, 10, 2))
    assert calendar.works_on(date(2026, 12, 25)) is not region.lower().startswith("de")


async def test_who_is_away_without_a_stand_in_is_waited_for(pool: Pool, gate: Arbitrating) -> None:
    await say(pool, wait_days=30)
    await pool.execute("insert into person (id, email, zone) values ('kim', 'kim@vendor.example', 'Europe/Berlin')")
    await pool.execute(
        "insert into absence (id, person_id, since, until) values"
        " (gen_random_uuid(), 'kim', current_date - 3, current_date + 4)"
    )
    (answer,) = await admitted(pool, gate, asked(recipient="kim@vendor.example", colleague=True))

    assert isinstance(answer, Defer)
    assert answer.code == "away"
    assert answer.until > datetime.now(UTC) + timedelta(days=3)


async def test_an_opt_out_waits_for_the_message_that_is_being_started(outreach: Outreach) -> None:
    """So whoever was told that it counts from now on gets no message that was started after that."""
    pool, gate, suppressing = outreach.pool, outreach.runner.arbitrating, outreach.runner.suppressing
    await pool.execute(f"truncate {TABLES}")
    await say(pool)
    one = asked()
    word = Leaving(one.account_id, gate.person_of("email", one.recipient, one.account_id))
    async with pool.acquire() as connection, connection.transaction():
        (answer,) = await gate.admit(connection, [one])
        leaving = asyncio.create_task(suppressing.opt_out(word))
        await asyncio.sleep(0.2)
        assert not leaving.done()
    await leaving
    (after,) = await admitted(pool, gate, asked(one.account_id))

    assert [spoken(answer), spoken(after)] == ["allow", "opt_out"]


EVENTS: list[dict[str, Any]] = [
    {"type": "ticket.escalated", "item": "T1", "occurred_at": MONDAY},
    {"type": "ticket.resolved", "item": "T1", "occurred_at": MONDAY + timedelta(hours=5)},
    {"type": "ticket.escalated", "item": "T1", "occurred_at": MONDAY + timedelta(hours=9)},
    {"type": "meeting.scheduled", "item": "M1", "occurred_at": MONDAY, "starts_at": MONDAY + timedelta(days=1)},
    {
        "type": "meeting.scheduled",
        "item": "M1",
        "occurred_at": MONDAY + timedelta(hours=1),
        "starts_at": MONDAY + timedelta(days=2),
    },
    {"type": "meeting.scheduled", "item": "M2", "occurred_at": MONDAY, "starts_at": MONDAY + timedelta(hours=30)},
    {"type": "meeting.cancelled", "item": "M2", "occurred_at": MONDAY + timedelta(hours=2)},
]


@pytest.mark.parametrize("seed", range(6))
async def test_escalations_and_calls_are_the_same_in_whatever_order_they_are_told(
    pool: Pool, gate: Arbitrating, seed: int
) -> None:
    await say(pool)
    account, told = uuid4(), [dict(one) for one in EVENTS]
    random.Random(seed).shuffle(told)
    now = MONDAY + timedelta(hours=10)
    async with pool.acquire() as connection:
        for batch in (told[:3], told[3:], told[:2]):
            await keep(connection, fold([_row(account, one) for one in batch]))
        mine = [asked(account, asked_at=now)]
        (found,) = await gate.decide(connection, mine, now)
        heard = await connection.fetch("select item, opened_at > coalesce(closed_at, '-infinity') as open from matter")
        await keep(connection, fold([_row(account, {**EVENTS[1], "occurred_at": now})]))
        (closed,) = await gate.decide(connection, mine, now)

    assert {row["item"]: row["open"] for row in heard} == {"T1": True, "M1": True, "M2": False}
    assert [spoken(found), spoken(closed)] == ["escalated", "call_booked"]
    assert isinstance(closed, Defer)
    assert closed.until >= MONDAY + timedelta(days=2, hours=4)


@pytest.mark.parametrize(
    ("days", "age", "expected"),
    [
        (None, 59.9, "escalated"), (None, 60.1, "allow"), (7, 6.9, "escalated"), (7, 7.1, "allow"),
        (0, 3_000.0, "escalated"),
    ],
)  # fmt: skip
async def test_an_escalation_that_nobody_closed_stands_as_long_as_the_policy_says(
    pool: Pool, gate: Arbitrating, days: float | None, age: float, expected: str
) -> None:
    await say(pool, **({} if days is None else {"escalation_days": days}))
    account = uuid4()
    opened = {"type": "ticket.escalated", "item": "T1", "occurred_at": datetime.now(UTC) - timedelta(days=age)}
    async with pool.acquire() as connection:
        await keep(connection, fold([_row(account, opened)]))
        (found,) = await gate.decide(connection, [asked(account)])

    assert spoken(found) == expected


def _row(account: UUID, told: dict[str, Any]) -> dict[str, Any]:
    starts_at = told.get("starts_at")
    properties = {} if starts_at is None else {"starts_at": starts_at.isoformat()}
    return {**told, "account_id": account, "event_id": "e", "properties": properties}
