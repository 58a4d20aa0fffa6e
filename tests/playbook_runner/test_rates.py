"""Claims about rates: what a receiver was promised holds however many workers call it, and however late they are."""

import asyncio
import itertools
import time

from support.calls import WEBHOOK, Calls
from support.outreach import Outreach
from support.receiver import receiver

from milepost_core.destinations import LEAD_S
from milepost_runtime.lanes import drain
from milepost_runtime.queue import Hints
from playbook_runner.effects.pacing import MOST_LATE_S, Pacing
from playbook_runner.service import build_runner, scoring_http
from playbook_runner.settings import RunnerSettings

RATE = 50.0


async def test_two_workers_of_which_one_is_late_keep_to_one_rate(outreach: Outreach, settings: RunnerSettings) -> None:
    async with receiver() as server, scoring_http(settings) as client:
        calls = Calls(outreach, WEBHOOK, server)
        await calls.set_up(rate_per_s=RATE)
        other = build_runner(settings, outreach.pool, Hints(settings.redis_url), client)
        await calls.intended(int(RATE))
        outreach.scoring.delay_s = 1.0
        late = asyncio.create_task(calls.perform())
        await asyncio.sleep(0.5)
        outreach.scoring.delay_s = 0.0
        await calls.intended(int(RATE))
        while (await calls.states()).get("ready"):
            await drain(outreach.pool, other.performing.lane)
            await asyncio.sleep(0.05)
        await late
        taken = sorted(one.at for one in server.taken)

    assert len(taken) == 2 * RATE
    assert max(sum(1 for at in taken if first <= at < first + 1.0) for first in taken) <= RATE * 1.05 + 1


async def test_moments_to_call_are_apart_whichever_worker_asks(outreach: Outreach) -> None:
    async with receiver() as server:
        calls = Calls(outreach, WEBHOOK, server)
        await calls.set_up(rate_per_s=RATE)
        await calls.intended(20)
        claims = await calls.claimed()
        moments: list[float] = []
        workers = [Pacing(outreach.pool), Pacing(outreach.pool)]
        for pacing in workers:
            await pacing.turns(claims)

        async def ask(pacing: Pacing, number: int) -> None:
            async with outreach.pool.acquire() as connection, connection.transaction():
                moments.extend((await pacing.spaced(connection, [claims[number]])).values())

        began = time.monotonic()
        await asyncio.gather(*(ask(workers[number % 2], number) for number in range(20)))
        ended = time.monotonic()
        moments.sort()

    # However long the asking took, no moment is earlier than the rate allows, and none is later than it asks for.
    assert [place for place, at in enumerate(moments) if at < began + LEAD_S + place / RATE] == []
    assert moments[-1] <= ended + LEAD_S + 19 / RATE
    assert min(later - earlier for earlier, later in itertools.pairwise(moments)) > 0


async def test_who_is_late_for_its_moment_gets_another_one(outreach: Outreach) -> None:
    async with receiver() as server:
        calls = Calls(outreach, WEBHOOK, server)
        await calls.set_up(rate_per_s=RATE)
        await calls.intended(2)
        first, second = await calls.claimed()
        pacing, loop = Pacing(outreach.pool), asyncio.get_running_loop()
        await pacing.turns([first, second])
        began = loop.time()
        await pacing.step_apart(first, began)
        assert loop.time() - began <= MOST_LATE_S
        await pacing.step_apart(second, began - 1.0)
        assert loop.time() - began >= LEAD_S


async def test_mails_keep_to_the_rate_that_the_mail_server_has(outreach: Outreach, settings: RunnerSettings) -> None:
    async with scoring_http(settings) as client:
        slow = settings.model_copy(update={"runner_mail_rate_per_s": 10.0})
        other = build_runner(slow, outreach.pool, Hints(settings.redis_url), client)
        for _ in range(5):
            await outreach.drop()
        await outreach.start()
        await outreach.advance()
        began = asyncio.get_running_loop().time()
        await drain(outreach.pool, other.performing.lane)
        seconds = asyncio.get_running_loop().time() - began

    assert len(outreach.mail.raw) == 5
    assert seconds >= 4 / 10.0
