"""Claims about mail that comes back: whoever has no mailbox, or wants no mail of ours, is left alone until lifted."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from support.outreach import Outreach

from milepost_runtime.database import Pool
from milepost_runtime.lanes import drain
from playbook_runner.queries.waking import SETTLED_S

KIM = "kim@vendor.example"


async def words(outreach: Outreach, *, active: bool | None = None) -> list[Any]:
    return list(
        await outreach.pool.fetch(
            "select *, person is not null as of_person from suppression"
            " where $1::bool is null or (ended_at is null) = $1 order by id",
            active,
        )
    )


async def tell(
    outreach: Outreach, ingest_pool: Pool, kind: str, at: datetime | None = None, actor: str = KIM, **properties: Any
) -> str:
    """Let an event of the front door be told, settle, and be read."""
    name = str(uuid4())
    await ingest_pool.execute(
        "insert into event (event_id, account_id, type, occurred_at, source, actor, properties)"
        " values ($1, $2, $3, coalesce($4, clock_timestamp()), 'cloudevents', $5, $6)",
        name,
        uuid4(),
        kind,
        at,
        actor or None,
        properties,
    )
    await asyncio.sleep(SETTLED_S + 0.05)
    await drain(outreach.pool, outreach.runner.waking.lane)
    return name


async def refused(outreach: Outreach, answer: str) -> UUID:
    """Let the mail server refuse a new account's owner."""
    account = await outreach.intended()
    outreach.mail.recipient_answer = answer
    await outreach.perform()
    outreach.mail.recipient_answer = None
    return account


async def test_a_mailbox_that_is_not_there_is_left_alone_with_reason_and_evidence(outreach: Outreach) -> None:
    account = await refused(outreach, "550 5.1.1 <kim@vendor.example>: no such mailbox")
    effect = await outreach.one("effect", account)
    (word,) = await words(outreach)

    assert (effect["state"], (await outreach.one("run", account))["state"]) == ("failed_permanent", "done")
    assert (word["kind"], word["of_person"], word["account_id"], word["author"]) == (
        "bounced", True, None, "the mail server",
    )  # fmt: skip
    assert word["reason"] == "the mail server answered 550 5.1.1 <address> no such mailbox"
    assert word["evidence"] == f"effect:{effect['key'].hex()}"
    assert KIM not in str([dict(word)])


async def test_nobody_writes_to_it_again_until_a_person_lifts_it_and_it_bounces_anew(outreach: Outreach) -> None:
    await refused(outreach, "550 5.1.1 unknown")
    second = await outreach.intended()
    await outreach.perform()
    assert (await outreach.outcomes(second))[-1] == ("suppressed", "bounced")
    assert outreach.mail.raw == []

    await outreach.runner.suppressing.end((await words(outreach))[0]["id"], "kim", guarded=False)
    third = await outreach.intended()
    await outreach.perform()
    assert (await outreach.outcomes(third))[-1] == ("sent", "sent")
    await refused(outreach, "550 5.1.1 unknown")
    assert [one["ended_at"] is None for one in await words(outreach)] == [False, True]


async def test_many_bounces_at_once_are_one_word(outreach: Outreach) -> None:
    for _ in range(5):
        await outreach.drop()
    await outreach.start()
    await outreach.advance()
    outreach.mail.recipient_answer = "551 user unknown"
    await outreach.perform()

    assert [one["kind"] for one in await words(outreach)] == ["bounced"]


@pytest.mark.parametrize(
    "answer", ["550 5.7.1 rejected by policy", "552 5.2.2 mailbox full", "550 blocked, see our list", "450 4.1.1 later"]
)
async def test_what_a_server_says_of_us_is_no_word_about_anybody(outreach: Outreach, answer: str) -> None:
    await refused(outreach, answer)
    assert await words(outreach) == []


@pytest.mark.parametrize(("kind", "word"), [("message.bounced", "bounced"), ("message.complained", "complained")])
async def test_what_a_provider_tells_through_the_front_door_is_such_a_word(
    outreach: Outreach, ingest_pool: Pool, kind: str, word: str
) -> None:
    name = await tell(outreach, ingest_pool, kind, actor="Kim+news@vendor.example", reason="550 unknown")
    await tell(outreach, ingest_pool, kind, actor="", address=KIM)
    (kept,) = await words(outreach)
    account = await outreach.intended()
    await outreach.perform()

    assert (kept["kind"], kept["author"], kept["reason"]) == (word, "cloudevents", "550 unknown")
    assert kept["evidence"] == f"event:{name}"
    assert (await outreach.outcomes(account))[-1] == ("suppressed", word)


async def test_a_bounce_of_before_it_was_lifted_brings_it_back_no_more(outreach: Outreach, ingest_pool: Pool) -> None:
    await tell(outreach, ingest_pool, "message.bounced")
    await outreach.runner.suppressing.end((await words(outreach))[0]["id"], "kim", guarded=False)
    await tell(outreach, ingest_pool, "message.bounced", datetime.now(UTC) - timedelta(hours=1))
    assert len(await words(outreach)) == 1
    await tell(outreach, ingest_pool, "message.bounced")
    assert len(await words(outreach, active=True)) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"bounce": "HardBounce"}, {"bounce": "hard_bounce"}, {"bounce": None}, {"actor": f"mailto:{KIM}"},
        {"actor": f"Email:{KIM}"}, {"address": f"Kim Doe <{KIM}>", "actor": ""}, {"address": f"mailto:{KIM}?subject=x"},
        {"address": ["kim"]}, {"address": 5}, {"address": " "},
    ],
)  # fmt: skip
async def test_a_bounce_is_read_as_people_and_providers_write_it(
    outreach: Outreach, ingest_pool: Pool, said: dict[str, Any]
) -> None:
    await tell(outreach, ingest_pool, "message.bounced", **said)
    account = await outreach.intended()
    await outreach.perform()
    assert (await outreach.outcomes(account))[-1] == ("suppressed", "bounced")


@pytest.mark.parametrize("said", [{"bounce": 5}, {"address": "kim at vendor", "actor": KIM}, {"actor": "crm:7"}])
async def test_a_bounce_that_nobody_can_read_has_a_line_in_the_log_without_an_address(
    outreach: Outreach, ingest_pool: Pool, said: dict[str, Any]
) -> None:
    with structlog.testing.capture_logs() as lines:
        name = await tell(outreach, ingest_pool, "message.bounced", **said)
    found = [line for line in lines if line["event"] == "return_left"]
    assert [(line["author"], line["evidence"]) for line in found] == [("cloudevents", f"event:{name}")]
    assert "kim" not in str(found)
    assert await words(outreach) == []


async def test_a_server_that_says_of_us_what_others_say_of_mailboxes_ends_nobody(outreach: Outreach) -> None:
    await refused(outreach, "550 5.1.1 <care@vendor.example>: Sender address rejected: User unknown")
    await refused(outreach, f"550 5.1.1 <{outreach.runner.performing.channels['email'].sender}>: user unknown")  # type: ignore[attr-defined]
    assert await words(outreach) == []


@pytest.mark.parametrize(
    "said", [{"bounce": "soft"}, {"bounce": "Transient"}, {"actor": "hubspot:1:contact:2"}, {"actor": ""}]
)
async def test_a_soft_bounce_and_a_nameless_one_are_none(
    outreach: Outreach, ingest_pool: Pool, said: dict[str, Any]
) -> None:
    await tell(outreach, ingest_pool, "message.bounced", **said)
    assert await words(outreach) == []
