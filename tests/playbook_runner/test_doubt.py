"""Claims about doubt: what nobody can know is parked and shown, and only a key, an answer or a person resolves it."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.outreach import Outreach

from milepost_core.effects import Doubt, IllegalMove, Outcome, Performed
from milepost_runtime.lanes import claim, claim_suspects, drain
from playbook_runner.actions.channel import Sendable
from playbook_runner.effects.committing import Wish
from playbook_runner.effects.performing import Performing
from playbook_runner.effects.resolving import ResendRefused


@pytest.mark.parametrize("answer", ["silence", "cut", "lose"])
async def test_an_answer_lost_after_the_write_is_doubt_then_parked_and_never_sent_again(
    outreach: Outreach, answer: str
) -> None:
    account = await outreach.intended()
    outreach.mail.answers = [answer]
    await outreach.perform()
    assert (await outreach.one("effect", account))["state"] == "in_doubt"
    # Before the quiet time is over nobody decides anything.
    await outreach.perform()
    assert (await outreach.one("effect", account))["state"] == "in_doubt"

    for _ in range(3):
        await outreach.later("effect")
        await outreach.perform()
    parked = await outreach.one("effect", account)
    assert (parked["state"], parked["next_at"]) == ("parked", None)
    assert len(outreach.mail.raw) == (0 if answer == "lose" else 1)
    assert outreach.mail.connections == 1
    assert await outreach.attempts(account) == ["unknown"]
    assert await outreach.outcomes(account) == [("in_doubt", "answer_lost"), ("parked", "nobody_can_know")]
    assert (await outreach.one("run", account))["state"] == "running"


async def test_a_worker_lost_before_the_start_costs_nothing_but_time(outreach: Outreach) -> None:
    account = await outreach.intended()
    async with outreach.pool.acquire() as connection:
        await claim(connection, outreach.runner.performing.lane, 1)
    await outreach.perform()
    assert outreach.mail.raw == []

    await outreach.later("effect", timedelta(minutes=1))
    await outreach.perform()
    assert len(outreach.mail.raw) == 1
    assert await outreach.attempts(account) == ["done"]


async def test_a_worker_lost_after_the_start_leaves_doubt_that_is_parked(outreach: Outreach) -> None:
    account = await outreach.intended()
    await lose_after_start(outreach)
    await outreach.later("effect", timedelta(minutes=1))
    await outreach.perform()
    assert (await outreach.one("effect", account))["state"] == "in_doubt"

    await outreach.later("effect", timedelta(minutes=1))
    await outreach.perform()
    assert (await outreach.one("effect", account))["state"] == "parked"
    assert outreach.mail.raw == []
    assert await outreach.attempts(account) == ["unknown"]


async def lose_after_start(outreach: Outreach) -> None:
    """Start an effect as a worker does and be gone before the call."""
    performing = outreach.runner.performing
    async with outreach.pool.acquire() as connection:
        (claimed,) = await claim(connection, performing.lane, 1)
    sendable = Sendable(claimed.key, "kim@vendor.example", b"text", "")
    assert await performing.committing.start(Wish(claimed, sendable, colleague=True))


@pytest.mark.parametrize(
    ("resolution", "mails", "state", "outcome"),
    [
        ("sent", 1, "done", ("sent", "confirmed")),
        ("drop", 1, "cancelled", ("cancelled", "dropped")),
        ("resend", 2, "done", ("deferred", "resend")),
    ],
)
async def test_a_person_decides_about_a_parked_mail(
    outreach: Outreach, resolution: Any, mails: int, state: str, outcome: tuple[str, str]
) -> None:
    account = await outreach.intended()
    outreach.mail.answers = ["cut"]
    await outreach.perform()
    await outreach.later("effect")
    await outreach.perform()
    key = (await outreach.one("effect", account))["key"]
    await outreach.runner.resolving.resolve(key, resolution, "Dana")
    await outreach.perform()

    assert len(outreach.mail.raw) == mails
    assert len(set(outreach.mail.raw)) == 1
    assert (await outreach.one("effect", account))["state"] == state
    assert (await outreach.one("run", account))["end_code"] == "completed"
    assert outcome in await outreach.outcomes(account)
    with pytest.raises(IllegalMove):
        await outreach.runner.resolving.resolve(key, resolution, "Dana")


async def test_a_mail_that_is_not_in_doubt_cannot_be_resolved(outreach: Outreach) -> None:
    account = await outreach.intended()
    with pytest.raises(IllegalMove):
        await outreach.runner.resolving.resolve((await outreach.one("effect", account))["key"], "resend", "Dana")


async def test_a_mail_that_brings_workers_down_before_the_start_is_given_up(outreach: Outreach) -> None:
    account = await outreach.intended()
    for _ in range(4):
        async with outreach.pool.acquire() as connection:
            await claim(connection, outreach.runner.performing.lane, 1)
            await claim_suspects(connection, outreach.runner.performing.lane)
        await outreach.later("effect", timedelta(minutes=1))
    await outreach.perform()

    assert outreach.mail.raw == []
    assert (await outreach.one("effect", account))["state"] == "failed_permanent"
    assert await outreach.outcomes(account) == [("failed", "refused")]


async def test_a_mail_is_not_sent_again_before_its_quiet_time_is_over(outreach: Outreach) -> None:
    account = await outreach.intended()
    outreach.mail.answers = ["cut"]
    await outreach.perform()
    key = (await outreach.one("effect", account))["key"]
    assert (await outreach.runner.reading.effect(key)).may_resolve == ["sent", "drop"]
    with pytest.raises(ResendRefused, match="quiet time"):
        await outreach.runner.resolving.resolve(key, "resend", "Dana")
    assert (await outreach.one("effect", account))["state"] == "in_doubt"

    await outreach.later("effect")
    assert (await outreach.runner.reading.effect(key)).may_resolve == ["sent", "resend", "drop"]
    await outreach.runner.resolving.resolve(key, "resend", "Dana")
    await outreach.perform()
    assert len(outreach.mail.raw) == 2


async def test_a_mail_of_a_cancelled_run_is_not_sent_again(outreach: Outreach) -> None:
    account = await outreach.intended()
    outreach.mail.answers = ["cut"]
    await outreach.perform()
    await outreach.later("effect")
    await outreach.perform()
    await outreach.runner.resolving.cancel((await outreach.one("run", account))["id"], "test")
    key = (await outreach.one("effect", account))["key"]
    assert (await outreach.runner.reading.effect(key)).may_resolve == ["sent", "drop"]
    with pytest.raises(ResendRefused, match="cancelled"):
        await outreach.runner.resolving.resolve(key, "resend", "Dana")

    await outreach.runner.resolving.resolve(key, "drop", "Dana")
    await outreach.perform()
    assert len(outreach.mail.raw) == 1
    assert (await outreach.one("effect", account))["state"] == "cancelled"


class Notebook:
    """A channel of this test: remembers calls by key, forgets to answer the first time, can be asked."""

    longest_call_s = 0.0
    name = "email"

    def __init__(self, doubt: Doubt, *, done: bool | None) -> None:
        self.doubt, self._done = doubt, done
        self.calls: list[bytes] = []
        self._key = b""

    @contextlib.asynccontextmanager
    async def open(self, effect: Sendable) -> AsyncIterator["Notebook"]:
        self._key = effect.key
        yield self

    async def perform(self, may_write: Callable[[], bool]) -> Outcome:
        assert may_write()
        self.calls.append(self._key)
        if len(self.calls) == 1:
            raise RuntimeError("nobody foresaw this")
        return Performed("again")

    async def ask(self, effect: Sendable) -> bool | None:
        return self._done


@pytest.mark.parametrize(
    ("doubt", "done", "calls", "state"),
    [
        (Doubt.KEYED, None, 2, "done"),
        (Doubt.ASKABLE, True, 1, "done"),
        (Doubt.ASKABLE, False, 2, "done"),
        (Doubt.ASKABLE, None, 1, "parked"),
        (Doubt.BLIND, None, 1, "parked"),
    ],
)
async def test_each_kind_of_channel_leaves_doubt_in_its_own_way(
    outreach: Outreach, doubt: Doubt, done: bool | None, calls: int, state: str
) -> None:
    account = await outreach.intended()
    notebook = Notebook(doubt, done=done)
    performing: Performing = replace(outreach.runner.performing, channels={"email": notebook})
    for _ in range(4):
        await drain(outreach.pool, performing.lane)
        await outreach.later("effect")

    assert len(notebook.calls) == calls
    assert len(set(notebook.calls)) == 1
    assert (await outreach.one("effect", account))["state"] == state
