"""Claims about a receiver that takes few calls at once: who finds no line is neither asked about nor worded in vain."""

import asyncio

import pytest
from support.outreach import Outreach

from milepost_core.destinations import ComeBack
from playbook_runner.effects.gates import BACK_AFTER_S, Gate, Rank, rank
from playbook_runner.effects.pacing import FEWER_AT_ONCE

MAILS = 150
HEAP = 600
LINES = FEWER_AT_ONCE["email"]


async def intended(outreach: Outreach, mails: int) -> None:
    """Bring new accounts to mails that are due now."""
    for _ in range(mails):
        await outreach.drop()
    await outreach.start()
    await outreach.advance()


async def test_mails_that_wait_for_a_line_are_asked_about_once(outreach: Outreach) -> None:
    await intended(outreach, MAILS)
    outreach.mail.answer_s = 0.25
    outreach.scoring.asked_together = 0

    async with asyncio.timeout(40):
        while await outreach.pool.fetchval("select count(*) from effect where state <> 'done'"):
            await outreach.perform()
            await asyncio.sleep(0.05)

    assert len(outreach.mail.raw) == MAILS
    assert outreach.scoring.asked_together < MAILS * 1.3


async def test_a_heap_of_mails_is_claimed_about_once_each_until_its_turn_has_come(outreach: Outreach) -> None:
    await intended(outreach, HEAP)
    outreach.mail.answer_s = 0.25
    put_off = "select next_at from effect where state = 'ready' and fence > 0 and lease_until is null order by next_at"
    async with asyncio.timeout(50), asyncio.TaskGroup() as group:
        work = group.create_task(outreach.perform())
        while len(away := await outreach.pool.fetch(put_off)) < HEAP // 2:  # noqa: ASYNC110 - a store tells nobody
            await asyncio.sleep(0.05)
        work.cancel()
    back_for_s = (away[-1]["next_at"] - away[0]["next_at"]).total_seconds()

    # They come back one after another, as the lines are free for them, however slow or quick we are ourselves; where
    # we are slow, half of them may have come back and been put off again, and share the time with the others.
    assert back_for_s > 0.4 * len(away) * outreach.mail.answer_s / LINES


async def test_a_mail_finds_a_free_line_beside_a_slow_one_whose_batch_held_many_that_were_not_sent(
    outreach: Outreach,
) -> None:
    await intended(outreach, 40)
    for account in list(outreach.scoring.documents)[1:]:
        # Nobody knows them any more: there is nothing to send.
        del outreach.scoring.documents[account]
    held = outreach.mail.gate
    held.clear()
    async with asyncio.timeout(50), asyncio.TaskGroup() as group:
        slow = group.create_task(outreach.perform())
        while not outreach.mail.asked_to_write or await left(outreach) < 39:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
        # What is written to from now on waits for nobody.
        outreach.mail.gate = asyncio.Event()
        outreach.mail.gate.set()
        await intended(outreach, 1)
        await outreach.perform()
        sent, under_way = len(outreach.mail.raw), not slow.done()
        held.set()

    assert (sent, under_way) == (1, True)


async def left(outreach: Outreach) -> int:
    """Return how many runs ended because nobody knows their account any more."""
    found: int = await outreach.pool.fetchval("select count(*) from run where end_code = 'account_gone'")
    return found


def back_after(gate: Gate, *those: Rank) -> list[float]:
    turns = gate.away(those)
    return [turn.after_s for turn in turns if isinstance(turn, ComeBack) and turn.code == "no_line"]


@pytest.fixture
def gate() -> Gate:
    """Return a gate through which 32 calls go in a second, before which 960 wait."""
    made = Gate(8, asyncio.Semaphore(8))
    back_after(made, *[rank(50, returning=False)] * 960)
    return made


def test_who_is_put_off_comes_back_when_those_before_it_are_likely_to_be_through(gate: Gate) -> None:
    (last,) = back_after(gate, rank(50, returning=False))
    least, most = BACK_AFTER_S

    assert 26.9 <= last <= 30.1
    assert max(back_after(gate, *[rank(50, returning=False)] * 9_000)) <= most
    assert back_after(Gate(8, asyncio.Semaphore(8)), rank(50, returning=False)) == [least]


def test_who_was_put_off_before_and_who_is_more_urgent_does_not_wait_behind_the_heap(gate: Gate) -> None:
    assert back_after(gate, rank(50, returning=True), rank(51, returning=False)) == [BACK_AFTER_S[0]] * 2
    assert rank(51, returning=False) < rank(50, returning=True) < rank(50, returning=False)
