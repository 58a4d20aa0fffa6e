"""Claims about a receiver that takes few calls at once: who finds no line is neither asked about nor worded in vain."""

import asyncio

from support.outreach import Outreach

MAILS = 150


async def test_mails_that_wait_for_a_line_are_asked_about_once(outreach: Outreach) -> None:
    for _ in range(MAILS):
        await outreach.drop()
    await outreach.start()
    await outreach.advance()
    outreach.mail.answer_s = 0.25
    outreach.scoring.asked_together = 0

    async with asyncio.timeout(40):
        while await outreach.pool.fetchval("select count(*) from effect where state <> 'done'"):
            await outreach.perform()
            await asyncio.sleep(0.05)

    assert len(outreach.mail.raw) == MAILS
    assert outreach.scoring.asked_together < MAILS * 1.3
