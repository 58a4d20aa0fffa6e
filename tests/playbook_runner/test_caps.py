"""Claims about what uses up a cap, and who goes first when few may go, as the engine and its rows have it."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.outreach import Outreach

from milepost_core.arbiter import Allow, Policy, Verdict, document_of
from milepost_runtime.database import Pool
from milepost_runtime.secrets import Vault
from playbook_runner.arbiter.arbitrating import Arbitrating, Asked
from playbook_runner.arbiter.suppressing import Word
from playbook_runner.queries import rehearsing

ONE_A_WEEK = [{"of": "person", "most": 1, "days": 7}]
ONE_AN_ACCOUNT = [{"of": "account", "most": 1, "days": 7}]
ALWAYS = {"opens": "00:00", "closes": "00:00", "workdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}


@pytest.fixture
async def pool(playbooks_pool: Pool) -> Pool:
    await playbooks_pool.execute("truncate policy, suppression, matter, touch, effect, attempt, assignment, person")
    return playbooks_pool


@pytest.fixture
def gate() -> Arbitrating:
    return Arbitrating(Vault("a secret of these tests"))


def asked(account: UUID | None = None, recipient: str = "ana@customer.example", **parts: Any) -> Asked:
    key = hashlib.sha256(uuid4().bytes).digest()
    at = parts.pop("asked_at", datetime.now(UTC))
    return Asked(key, account or uuid4(), "welcome", "email", recipient, at, **parts)


def spoken(verdict: Verdict) -> str:
    return "allow" if isinstance(verdict, Allow) else verdict.code


async def say(pool: Pool, **parts: Any) -> None:
    """Put a policy in force: around the clock, with these parts."""
    document = document_of(Policy()) | ALWAYS | {"holidays": False} | parts
    await pool.execute(
        "insert into policy (version, document) values ((select coalesce(max(version), 0) + 1 from policy), $1)",
        document,
    )


async def keep(pool: Pool, one: Asked, state: str, due: datetime | None = None) -> None:
    """Keep the effect of a message as it stands."""
    await pool.execute(
        "insert into effect (key, account_id, run_id, step_id, channel, recipient, priority, state, next_at)"
        " values ($1, $2, $3, $3, $4, $5, $6, $7, $8)",
        one.key, one.account_id, uuid4(), one.channel, one.recipient, one.priority, state, due,
    )  # fmt: skip


def book(name: str, priority: int, to: str) -> dict[str, Any]:
    return {
        "format": "playbook/1", "id": name, "version": 1, "name": name, "purpose": "Writes.", "priority": priority,
        "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"},
        "steps": [
            {"id": "write", "kind": "email", "to": f"attribute:{to}", "subject": "Hello", "text": "{{ score }}"}
        ],
    }  # fmt: skip


async def stock(outreach: Outreach, *books: dict[str, Any]) -> None:
    """Let these playbooks be in force and no other."""
    await outreach.pool.execute("truncate playbook")
    await outreach.runner.keeping.stock(list(books))


async def intended(outreach: Outreach) -> UUID:
    """Return an account with messages that are about to go."""
    account = await outreach.drop()
    outreach.scoring.attributes[account] = {
        "champion": "lee@customer.example", "sponsor": "sue@customer.example", "timezone": "UTC",
    }  # fmt: skip
    await outreach.start()
    await outreach.advance()
    return account


@pytest.mark.parametrize(
    ("state", "ended", "counts"),
    [
        ("started", None, True),
        ("in_doubt", "unknown", True),
        ("parked", "unknown", True),
        ("done", "done", True),
        ("ready", "not_done", False),
        ("failed_permanent", "not_done", False),
        ("suppressed", "not_done", False),
        ("cancelled", "not_done", False),
        ("ready", "unknown", True),
        ("failed_permanent", "unknown", True),
        ("suppressed", "unknown", True),
        ("cancelled", "unknown", True),
    ],
)
async def test_a_cap_is_used_up_by_what_may_have_arrived_alone(
    pool: Pool,
    gate: Arbitrating,
    state: str,
    ended: str | None,
    *,
    counts: bool,
) -> None:
    """The arbiter and a rehearsal count the same."""
    await say(pool, caps=ONE_A_WEEK)
    one = asked()
    person = gate.person_of("email", one.recipient, one.account_id)
    await keep(pool, one, state)
    await pool.execute(
        "insert into attempt (effect_key, fence, account_id, outcome) values ($1, 1, $2, $3)",
        one.key, one.account_id, ended,
    )  # fmt: skip
    await pool.execute(
        "insert into touch (account_id, effect_key, person, channel) values ($1, $2, $3, 'email')",
        one.account_id, one.key, person,
    )  # fmt: skip
    now = datetime.now(UTC)
    of = rehearsing.Of([one.account_id], "welcome", now, now + timedelta(days=1), [person])
    async with pool.acquire() as connection:
        (verdict,) = await gate.decide(connection, [asked()])
        touches = await rehearsing.touches(connection, of, 7)

    assert spoken(verdict) == ("cap_person" if counts else "allow")
    assert len(touches) == counts


async def test_a_message_that_was_called_off_before_it_arrived_uses_up_no_cap(outreach: Outreach) -> None:
    await stock(outreach, book("help", 50, "champion"))
    await say(outreach.pool, caps=ONE_A_WEEK)
    first = await intended(outreach)
    outreach.mail.recipient_answer = "450 4.2.0 greylisted"
    await outreach.perform()
    await outreach.runner.resolving.cancel((await outreach.one("run", first))["id"], "anna")
    outreach.mail.recipient_answer = None
    second = await intended(outreach)
    told = await outreach.runner.explaining.why_not(second, "help")
    await outreach.perform()

    assert [one.code for one in told.against_message] == []
    assert (await outreach.one("effect", first))["state"] == "cancelled"
    assert await outreach.outcomes(second) == [("sent", "sent")]
    assert len(outreach.mail.raw) == 1


@pytest.mark.parametrize("together", [True, False])
async def test_a_lower_message_waits_for_a_higher_one_that_is_soon_due(
    pool: Pool,
    gate: Arbitrating,
    *,
    together: bool,
) -> None:
    await say(pool, caps=ONE_AN_ACCOUNT, opens="09:00", closes="17:00")
    account, now = uuid4(), datetime(2026, 6, 8, 14, 0, tzinfo=UTC)
    high = asked(account, "sue@customer.example", priority=90, zone="Asia/Tokyo", asked_at=now)
    low = asked(account, "lee@customer.example", priority=10, zone="Europe/Berlin", asked_at=now)
    for one in (high, low):
        await keep(pool, one, "ready", now)
    async with pool.acquire() as connection:
        batches = [[low, high]] if together else [[high], [low]]
        answers = [verdict for batch in batches for verdict in await gate.decide(connection, batch, now)]

    assert sorted(spoken(one) for one in answers) == ["after_others_account", "quiet_hours"]


@pytest.mark.parametrize("channel", ["webhook", "slack"])
async def test_what_waits_for_a_machine_or_for_us_keeps_no_place_of_a_customer(
    pool: Pool,
    gate: Arbitrating,
    channel: str,
) -> None:
    await say(pool, caps=ONE_AN_ACCOUNT)
    account, now = uuid4(), datetime.now(UTC)
    await keep(pool, asked(account, "C0123", priority=90)._replace(channel=channel), "ready", now)
    async with pool.acquire() as connection:
        (verdict,) = await gate.decide(connection, [asked(account, priority=10)])

    assert spoken(verdict) == "allow"


async def test_of_two_playbooks_that_start_at_once_the_urgent_one_is_not_lost(outreach: Outreach) -> None:
    await stock(outreach, book("urgent", 90, "sponsor"), book("newsletter", 10, "champion"))
    await say(outreach.pool, caps=ONE_AN_ACCOUNT)
    account = await intended(outreach)
    noon = datetime.now(UTC) + timedelta(hours=3)
    await outreach.runner.suppressing.say(Word("hands_off", "sue@customer.example", None, "until noon", "anna", noon))
    await outreach.perform()
    nobody = list(outreach.mail.recipients)
    await outreach.pool.execute("update suppression set until = clock_timestamp()")
    for _ in range(2):
        await outreach.later("effect")
        await outreach.perform()
    told = await outreach.pool.fetch(
        "select playbook_id, outcome, code from ledger where account_id = $1 and outcome <> 'deferred'", account
    )

    assert nobody == []
    assert ("urgent", "sent", "sent") in [tuple(row) for row in told]
    assert [row["outcome"] for row in told if row["playbook_id"] == "newsletter"] in ([], ["capped"])
    assert outreach.mail.recipients == [["sue@customer.example"]]
