"""Claims about the turns of the shipped playbooks: who is heard, what ends a run, and whose work it is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from support.library_stories import (
    LIBRARY,
    WELL,
    Stand,
    begin,
    finish_tasks,
    go_on,
    happens,
    heard,
    leave,
    place,
    said,
    story_of,
    titles,
)
from support.outreach import Outreach, publish

from milepost_core.playbooks.document import ApprovalStep, TaskStep
from milepost_core.playbooks.tiers import owners
from milepost_runtime.database import Pool


async def test_a_champion_is_heard_by_what_they_say_and_not_by_somebody_who_signs_in(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    account = await begin(outreach, story_of("quiet-champion"))
    await go_on(outreach)
    await happens(outreach, ingest_pool, account, "session.started")

    assert await place(outreach, account) == ("running", "wait-for-a-sign")
    await go_on(outreach, days=7)
    assert await titles(outreach, account) == ["Aurora Logistics: find a second voice"]


async def test_an_answer_about_an_invoice_is_read_and_only_the_payment_ends_the_run(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    account = await begin(outreach, story_of("late-payer"))
    await go_on(outreach)
    for kind in ("invoice.paid", "message.replied"):
        await happens(outreach, ingest_pool, account, kind)

    assert await titles(outreach, account) == ["Aurora Logistics has written while an invoice is open: read it"]
    await finish_tasks(outreach)
    assert await place(outreach, account) == ("running", "until-it-is-paid")
    await leave(outreach, ingest_pool, account, Stand(signals={"invoices_overdue_days": 0}))
    run = await outreach.one("run", account)
    assert (run["state"], run["end_code"]) == ("done", "goal_met")


async def test_an_invoice_that_stays_open_after_an_answer_comes_to_the_owner_of_who_has_dropped(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    account = await begin(outreach, story_of("late-payer"))
    await go_on(outreach)
    await happens(outreach, ingest_pool, account, "message.replied")
    await finish_tasks(outreach)
    await go_on(outreach, days=8)

    assert (await titles(outreach, account))[1:] == ["Aurora Logistics: the invoice may be the message"]


async def reminded(outreach: Outreach) -> UUID:
    """Bring an account to where the early tier has reminded its champion."""
    account = await begin(outreach, story_of("tiered-rescue"))
    for days in (0, 5, 2):
        await go_on(outreach, days=days)
    assert await place(outreach, account) == ("running", "hear-from-them")
    return account


async def test_early_help_takes_nobodys_hour_because_somebody_signed_in(outreach: Outreach, ingest_pool: Pool) -> None:
    account = await reminded(outreach)
    await happens(outreach, ingest_pool, account, "session.started")

    assert await titles(outreach, account) == []
    await go_on(outreach, days=6)
    assert [one.partition(" for ")[0] for one in await titles(outreach, account)] == ["Guided help"]


async def test_an_answer_to_early_help_is_taken_up_and_judged_days_later(outreach: Outreach, ingest_pool: Pool) -> None:
    account = await reminded(outreach)
    await happens(outreach, ingest_pool, account, "message.replied")
    assert await titles(outreach, account) == ["Aurora Logistics has answered: take it up"]

    await finish_tasks(outreach)
    assert await place(outreach, account) == ("running", "give-it-five-days")
    await go_on(outreach, days=6)
    assert [one.partition(" for ")[0] for one in await titles(outreach, account)][1:] == ["Guided help"]


async def test_a_milestone_that_is_late_while_the_journey_is_on_track_is_told_and_called_about(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    late = replace(story_of("stalled-milestone"), after=Stand(journey="on_track"))
    account = await begin(outreach, late)
    await go_on(outreach)
    await leave(outreach, ingest_pool, account, Stand(journey="on_track"))

    assert await place(outreach, account) == ("running", "a-week")
    assert "does not move" in await said(outreach, account, "email")
    await leave(outreach, ingest_pool, account, Stand(journey="behind"))
    await go_on(outreach, days=8)
    assert [one.rpartition(" ")[2] for one in await titles(outreach, account)] == ["moving"]


async def test_a_milestone_that_is_reached_within_the_week_calls_nobody(outreach: Outreach, ingest_pool: Pool) -> None:
    account = await begin(outreach, story_of("stalled-milestone"))
    await go_on(outreach)
    await happens(outreach, ingest_pool, account, "milestone.completed")

    assert await place(outreach, account) == ("done", "a-week")
    assert await titles(outreach, account) == []


async def test_the_introduction_reaches_the_new_sponsor_and_the_meeting_ends_the_run(
    outreach: Outreach, ingest_pool: Pool
) -> None:
    account = await begin(outreach, story_of("lost-sponsor"))
    outreach.scoring.attributes[account] = {
        "successor_email": "new@customer.example",
        "sponsor_email": "old@customer.example",
    }
    await leave(outreach, ingest_pool, account, WELL)
    assert await place(outreach, account) == ("running", "find-the-successor")

    await finish_tasks(outreach)
    gate = await outreach.one("approval", account)
    shown = await outreach.runner.queueing.approval(gate["id"])
    assert (shown.state, shown.recipient) == ("open", "new@customer.example")
    await outreach.runner.approving.approve(gate["id"], None, "kim")
    await go_on(outreach)
    assert [mail["To"] for mail in outreach.mail.mails] == ["new@customer.example"]
    for kind in ("meeting.scheduled", "meeting.attended"):
        await happens(outreach, ingest_pool, account, kind)
    assert await place(outreach, account) == ("done", "until-we-have-met")


async def test_without_a_successors_address_somebody_goes_and_finds_one(outreach: Outreach) -> None:
    account = await begin(outreach, story_of("lost-sponsor"))
    await finish_tasks(outreach)
    await go_on(outreach, days=3)

    assert (await titles(outreach, account))[1:] == [
        "We have not met a new sponsor at Aurora Logistics: go and find one"
    ]
    assert outreach.mail.mails == []


def test_the_first_work_of_each_tier_is_for_whom_its_row_names() -> None:
    rescue = LIBRARY["tiered-rescue"].parsed
    assert rescue.tiers is not None
    first = {"early": "offer-guided-help", "mid": "check-in-call", "mid-large": "approve-the-session",
             "late": "call-in-the-executive"}  # fmt: skip

    assert {row.id for row in rescue.tiers.rows} == set(first)
    for row in rescue.tiers.rows:
        step = rescue.step(first[row.id])
        named = step.owner if isinstance(step, TaskStep) else step.by if isinstance(step, ApprovalStep) else None
        assert (named, owners(rescue, row.id, ())) == ((), row.owner)
        assert row.owner


async def test_a_renewal_that_is_signed_ends_what_was_meant_to_earn_it(outreach: Outreach) -> None:
    account = await begin(outreach, story_of("renewal-ahead"))
    outreach.scoring.silences[account]["renewed"] = 0.1
    await publish(outreach.scoring_pool, account, kind="score_moved", to_band="green")
    await heard(outreach)
    run = await outreach.one("run", account)

    assert (run["state"], run["end_code"]) == ("done", "goal_met")


@pytest.mark.parametrize(("notice", "mails"), [(False, 1), (True, 0)])
async def test_nobody_is_told_to_ask_for_a_signature_after_a_notice(
    outreach: Outreach, notice: bool, mails: int
) -> None:
    account = await begin(outreach, replace(story_of("renewal-ahead"), after=Stand("yellow")))
    health = outreach.scoring.documents[account]
    gates = Stand(sponsor_left=True).of(account).gates[:1]
    said = [one.model_copy(update={"id": "cancel_notice"}) for one in gates] if notice else []
    outreach.scoring.documents[account] = health.model_copy(update={"gates": tuple(said)})
    soon = datetime.now(UTC) + timedelta(days=20)
    outreach.scoring.attributes[account] = {"renewal_on": f"{soon:%Y-%m-%d}"}
    await finish_tasks(outreach)

    came_to = await outreach.pool.fetchval("select state from step where path = 'a-month-to-go'")
    assert (came_to, len(outreach.mail.mails)) == ("skipped" if notice else "done", mails)
