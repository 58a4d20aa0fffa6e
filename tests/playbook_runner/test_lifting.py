"""Claims about what was put off: when what it waits for ends before its time, it asks again, and in no heap."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.outreach import Outreach

from milepost_core.arbiter import Defer
from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from playbook_runner.arbiter.arbiter_views import PersonRequest
from playbook_runner.arbiter.arbitrating import Asked
from playbook_runner.arbiter.suppressing import Word
from playbook_runner.queries import ledger
from playbook_runner.queries.ledger import Entry
from playbook_runner.queries.waking import SETTLED_S

ALWAYS: dict[str, Any] = {
    "opens": "00:00", "closes": "00:00", "workdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    "holidays": False, "caps": [], "wait_days": 60, "spread_minutes": 60,
}  # fmt: skip
CHAMPION = "lee@customer.example"
KIM = PersonRequest(email="kim@vendor.example").model_dump()


@pytest.fixture
async def plain(outreach: Outreach) -> Outreach:
    """No playbook but the test's own, and a policy around the clock."""
    await outreach.pool.execute("truncate playbook")
    await policy(outreach)
    return outreach


async def policy(outreach: Outreach, **parts: Any) -> None:
    await outreach.runner.policies.say(ALWAYS | parts, "test")


async def playbook(outreach: Outreach, to: str = "attribute:champion_email") -> None:
    step = {"id": "write", "kind": "email", "to": to, "subject": "Hello", "text": "{{ score }}"}
    document = {
        "format": "playbook/1", "id": "help", "version": 1, "name": "Help", "purpose": "Writes.",
        "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"}, "steps": [step],
    }  # fmt: skip
    await outreach.runner.keeping.stock([document])


async def dropped(outreach: Outreach, champion: str = CHAMPION, **attributes: str) -> UUID:
    account = await outreach.drop()
    outreach.scoring.attributes[account] = {"champion_email": champion, "timezone": "UTC", **attributes}
    await outreach.start()
    await outreach.advance()
    return account


async def hands_off(outreach: Outreach, account: UUID | None, address: str | None = None) -> UUID:
    until = datetime.now(UTC) + timedelta(days=20)
    row = await outreach.runner.suppressing.say(Word("hands_off", address, account, "talks", "test", until))
    word: UUID = row["id"]
    return word


async def waits(outreach: Outreach, account: UUID) -> timedelta:
    """Return how long an account's message waits from now on."""
    sql = "select next_at - clock_timestamp() from effect where account_id = $1"
    left: timedelta = await outreach.pool.fetchval(sql, account)
    return left


def far_hours() -> dict[str, str]:
    hour = (datetime.now(UTC) + timedelta(hours=12)).hour
    return {"opens": f"{hour:02}:00", "closes": f"{hour + 1:02}:00" if hour < 23 else "00:00"}


async def test_a_word_taken_back_lets_go_at_once_of_what_waits_for_it_and_of_nothing_else(plain: Outreach) -> None:
    await playbook(plain)
    account, other = await dropped(plain), await dropped(plain, "ann@customer.example")
    word = await hands_off(plain, account)
    await hands_off(plain, other)
    await plain.perform()
    assert await waits(plain, account) > timedelta(days=19)
    await plain.runner.suppressing.end(word, "test", guarded=False)
    await plain.perform()

    assert plain.mail.recipients == [[CHAMPION]]
    assert await waits(plain, other) > timedelta(days=19)


async def test_a_word_about_a_person_lets_go_of_what_is_for_them_however_they_are_written(plain: Outreach) -> None:
    await playbook(plain)
    account, other = await dropped(plain, "Lee+work@customer.example"), await dropped(plain, "ann@customer.example")
    word = await hands_off(plain, None, CHAMPION)
    await hands_off(plain, None, "ann@customer.example")
    await plain.perform()
    assert await waits(plain, account) > timedelta(days=19)
    await plain.runner.suppressing.end(word, "test", guarded=False)
    assert await waits(plain, other) > timedelta(days=19)
    await plain.perform()

    assert plain.mail.recipients == [["Lee+work@customer.example"]]


async def test_a_word_of_two_leaves_what_the_other_forbids(plain: Outreach) -> None:
    await playbook(plain)
    account = await dropped(plain)
    word = await hands_off(plain, account)
    await hands_off(plain, None, CHAMPION)
    await plain.perform()
    await plain.runner.suppressing.end(word, "test", guarded=False)
    await plain.perform()

    assert plain.mail.recipients == []
    assert await waits(plain, account) > timedelta(days=19)
    assert await plain.outcomes(account) == [("deferred", "hands_off")]


async def test_a_word_taken_back_while_its_message_is_being_put_off_lets_go_of_it(plain: Outreach) -> None:
    await playbook(plain)
    account = await dropped(plain)
    word = await hands_off(plain, account)
    effect = await plain.one("effect", account)
    asked = Asked(effect["key"], account, "help", "email", CHAMPION, effect["asked_at"], zone="UTC")
    async with plain.pool.acquire() as start, start.transaction():
        await start.execute("select from effect where key = $1 for update", effect["key"])
        (verdict,) = await plain.runner.arbitrating.admit(start, [asked])
        assert isinstance(verdict, Defer)
        ending = asyncio.create_task(plain.runner.suppressing.end(word, "test", guarded=False))
        await asyncio.sleep(0.2)
        await start.execute("update effect set next_at = $2 where key = $1", effect["key"], verdict.until)
        told = Entry(account, "help", "deferred", verdict.code, verdict.sentence, "", None, effect["run_id"])
        await ledger.add(start, [told])
    await ending

    assert await waits(plain, account) <= timedelta(0)


async def test_a_new_policy_is_asked_by_what_waits_for_the_old_ones_hours_in_no_heap(plain: Outreach) -> None:
    await playbook(plain)
    await policy(plain, **far_hours())
    accounts = [await dropped(plain, f"p{number}@customer.example") for number in range(12)]
    word = await hands_off(plain, accounts[0])
    await plain.perform()
    assert min([await waits(plain, account) for account in accounts]) > timedelta(hours=10)
    await policy(plain)
    left = [await waits(plain, account) for account in accounts]

    assert left[0] > timedelta(days=19)
    assert max(left[1:]) <= timedelta(hours=1)
    assert max(left[1:]) - min(left[1:]) > timedelta(minutes=20)
    await plain.runner.suppressing.end(word, "test", guarded=False)
    await plain.pool.execute("update effect set next_at = clock_timestamp()")
    await plain.perform()
    assert len(plain.mail.raw) == 12


async def test_a_day_off_taken_back_is_no_reason_to_wait(plain: Outreach) -> None:
    await playbook(plain)
    await policy(plain, holidays=True)
    today = datetime.now(UTC).date()
    # A day more than is looked at, as midnight may come meanwhile.
    for ahead in range(4):
        await plain.runner.policies.add_day("", today + timedelta(days=ahead), "Off")
    account = await dropped(plain)
    await plain.perform()
    assert await plain.outcomes(account) == [("deferred", "holiday")]
    assert await waits(plain, account) > timedelta(days=2)
    for ahead in range(4):
        await plain.runner.policies.drop_day("", today + timedelta(days=ahead))

    assert await waits(plain, account) <= timedelta(hours=1)


async def test_what_waits_for_a_colleague_goes_when_they_are_back_or_somebody_stands_in(plain: Outreach) -> None:
    await playbook(plain, to="kim@vendor.example")
    await plain.runner.people.put("kim", KIM, "test")
    await plain.runner.people.put("ada", KIM | {"email": "ada@vendor.example"}, "test")
    today = datetime.now(UTC).date()
    absence = await plain.runner.people.away("kim", today - timedelta(days=1), today + timedelta(days=9), None)
    first = await dropped(plain)
    await plain.perform()
    assert await plain.outcomes(first) == [("deferred", "away")]
    await plain.runner.people.back(absence["id"])
    assert await waits(plain, first) <= timedelta(hours=1)
    await plain.pool.execute("update effect set next_at = clock_timestamp()")
    await plain.perform()

    await plain.runner.people.away("kim", today - timedelta(days=1), today + timedelta(days=9), None)
    second = await dropped(plain)
    await plain.perform()
    assert await waits(plain, second) > timedelta(days=8)
    await plain.runner.people.away("kim", today - timedelta(days=1), today + timedelta(days=10), "ada")
    assert await waits(plain, second) <= timedelta(hours=1)
    await plain.pool.execute("update effect set next_at = clock_timestamp() where state = 'ready'")
    await plain.perform()
    assert plain.mail.recipients == [["kim@vendor.example"], ["ada@vendor.example"]]


async def test_a_colleague_who_lives_elsewhere_now_is_asked_for_by_the_clock_there(plain: Outreach) -> None:
    await playbook(plain, to="kim@vendor.example")
    await plain.runner.people.put("kim", KIM, "test")
    await policy(plain, **far_hours())
    account = await dropped(plain)
    await plain.perform()
    assert await waits(plain, account) > timedelta(hours=10)
    await plain.runner.people.put("kim", KIM | {"zone": "Pacific/Auckland"}, "test")

    assert await waits(plain, account) <= timedelta(hours=1)


async def tell(ingest_pool: Pool, account: UUID, kind: str, item: str | None, **properties: Any) -> None:
    await ingest_pool.execute(
        "insert into event (event_id, account_id, type, occurred_at, source, item, properties)"
        " values ($1, $2, $3, clock_timestamp(), 'tests', $4, $5)",
        str(uuid4()), account, kind, item, properties,
    )  # fmt: skip


async def read_on(outreach: Outreach) -> None:
    await asyncio.sleep(SETTLED_S + 0.05)
    await drain(outreach.pool, outreach.runner.waking.lane)


@pytest.mark.parametrize("ticket", [None, "ticket:9"])
async def test_an_escalation_that_is_over_holds_nothing_up_whether_it_has_a_name_or_not(
    plain: Outreach, ingest_pool: Pool, ticket: str | None
) -> None:
    await playbook(plain)
    account = await dropped(plain)
    await tell(ingest_pool, account, "ticket.escalated", ticket)
    await read_on(plain)
    await plain.perform()
    assert await plain.outcomes(account) == [("deferred", "escalated")]
    await tell(ingest_pool, account, "ticket.resolved", ticket)
    await read_on(plain)
    await plain.perform()

    assert plain.mail.recipients == [[CHAMPION]]


async def test_an_escalation_that_ends_while_its_message_is_being_put_off_lets_go_of_it(
    plain: Outreach, ingest_pool: Pool
) -> None:
    await playbook(plain)
    account = await dropped(plain)
    await tell(ingest_pool, account, "ticket.escalated", None)
    await read_on(plain)
    effect = await plain.one("effect", account)
    asked = Asked(effect["key"], account, "help", "email", CHAMPION, effect["asked_at"], zone="UTC")
    async with plain.pool.acquire() as start, start.transaction():
        await start.execute("select from effect where key = $1 for update", effect["key"])
        (verdict,) = await plain.runner.arbitrating.admit(start, [asked])
        assert isinstance(verdict, Defer)
        await tell(ingest_pool, account, "ticket.resolved", None)
        reading = asyncio.create_task(read_on(plain))
        await asyncio.sleep(SETTLED_S + 0.3)
        await start.execute("update effect set next_at = $2 where key = $1", effect["key"], verdict.until)
        told = Entry(account, "help", "deferred", verdict.code, verdict.sentence, "", None, effect["run_id"])
        await ledger.add(start, [told])
    await reading

    assert await waits(plain, account) <= timedelta(0)


async def test_an_account_that_lives_elsewhere_now_is_written_to_by_the_clock_there(
    plain: Outreach, ingest_pool: Pool
) -> None:
    await playbook(plain)
    await policy(plain, **far_hours())
    account = await dropped(plain)
    await plain.perform()
    assert await waits(plain, account) > timedelta(hours=10)
    await tell(ingest_pool, account, "account.updated", None, plan="starter")
    await read_on(plain)
    assert await waits(plain, account) > timedelta(hours=10)
    await tell(ingest_pool, account, "account.updated", None, timezone="Pacific/Auckland")
    await read_on(plain)

    assert await waits(plain, account) <= timedelta(minutes=1)
