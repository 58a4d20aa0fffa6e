"""What people say of a plan: a milestone is reached, taken back, planned, re-dated or dropped; somebody is waited for.

Every word is a record of its own that nothing deletes: the plan at any moment follows from the words until then.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from milepost_core.delays import Delay, delays_of
from milepost_core.milestones import PlannedMilestone
from scoring_api.ahead.charting import Chart, Charting, delay_view, view_of
from scoring_api.ahead.milestone_views import (
    AccountMilestones,
    Because,
    Completion,
    DelayEnd,
    DelayView,
    MilestoneTerms,
    NewDelay,
    NewMilestone,
)
from scoring_api.people.people_views import EndRequest
from scoring_api.people.speaking import Held, Speaker, Speaking, WordRefused, WordUnknown
from scoring_api.queries import plans
from scoring_api.queries import reading as reads
from scoring_api.queries.plans import DELAY_ENDED, DELAY_STARTED
from scoring_api.queries.records import OwnWord, insert_own
from scoring_api.queries.signals.states import DONE, DROPPED, PLANNED, REOPENED


class MilestoneUnknown(Exception):
    """The account's plan has no such milestone; `near` is the one that was probably meant."""

    def __init__(self, asked: str, known: Iterable[str]) -> None:
        self.known = tuple(known)
        near = difflib.get_close_matches(asked, self.known, n=1)
        super().__init__(f"The plan has no milestone '{asked[:100]}'")
        self.near = near[0] if near else None


class PlanAgainst(Exception):
    """The plan stands against what somebody said of it; `code` is the machine's word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Steering:
    """The use cases of people's words on plans; each returns the plan as it stands then."""

    speaking: Speaking = field(repr=False)
    charting: Charting

    async def complete(self, asked: str, name: str, wanted: Completion, speaker: Speaker) -> AccountMilestones:
        """Say that a milestone is reached, with what shows it. Raises AccountUnknown, MilestoneUnknown, PlanAgainst,
        WordRefused."""
        async with self.speaking.moving(asked, speaker) as held:
            chart = await self.charting.chart(held.connection, held.account_id, held.now)
            if _step(chart, name).done_at is not None:
                raise PlanAgainst("milestone_done", f"'{name}' is done already; take it back first to say otherwise")
            at = _past(wanted.done_at, held.now, "done_at")
            undone = [row["occurred_at"] for row in chart.words if row["item"] == name and row["type"] == REOPENED]
            if at is not None and undone and at <= max(undone):
                raise WordRefused("done_at", "before_reopening", "it lies before the milestone was last taken back")
            said = {"by": "hand", "evidence": wanted.evidence}
            return await self._say(held, OwnWord(DONE, at, item=name, properties=said), speaker)

    async def reopen(self, asked: str, name: str, wanted: Because, speaker: Speaker) -> AccountMilestones:
        """Take a milestone back; its history stays. Raises AccountUnknown, MilestoneUnknown, PlanAgainst."""
        async with self.speaking.moving(asked, speaker) as held:
            chart = await self.charting.chart(held.connection, held.account_id, held.now)
            if _step(chart, name).done_at is None:
                raise PlanAgainst("milestone_open", f"'{name}' is not done, so there is nothing to take back")
            return await self._say(held, OwnWord(REOPENED, item=name, properties={"reason": wanted.reason}), speaker)

    async def plan(self, asked: str, wanted: NewMilestone, speaker: Speaker) -> AccountMilestones:
        """Plan a milestone for this account alone. Raises AccountUnknown, PlanAgainst, WordRefused."""
        async with self.speaking.moving(asked, speaker) as held:
            chart = await self.charting.chart(held.connection, held.account_id, held.now)
            if chart.step(wanted.id) is not None:
                raise PlanAgainst("milestone_planned", f"'{wanted.id}' is in the plan already; change it instead")
            _refuse_unknown(chart, wanted.id, wanted.after or ())
            return await self._say(held, _planned(wanted.id, wanted.said()), speaker)

    async def change(self, asked: str, name: str, wanted: MilestoneTerms, speaker: Speaker) -> AccountMilestones:
        """Re-date a milestone, or plan it otherwise; what is not said stays as it was.

        Raises AccountUnknown, MilestoneUnknown, WordRefused.
        """
        if not wanted.said():
            raise WordRefused("due_at", "nothing_said", "say what is to be different")
        async with self.speaking.moving(asked, speaker) as held:
            chart = await self.charting.chart(held.connection, held.account_id, held.now)
            _step(chart, name)
            _refuse_unknown(chart, name, wanted.after or ())
            before = chart.known.said.get(name, {}) if chart.known is not None else {}
            kept = {key: value for key, value in before.items() if key in MilestoneTerms.model_fields}
            return await self._say(held, _planned(name, kept | wanted.said()), speaker)

    async def drop(self, asked: str, name: str, wanted: EndRequest, speaker: Speaker) -> AccountMilestones:
        """Take a milestone out of the account's plan; its history stays. Raises AccountUnknown, MilestoneUnknown."""
        async with self.speaking.moving(asked, speaker) as held:
            _step(await self.charting.chart(held.connection, held.account_id, held.now), name)
            said = {} if wanted.reason is None else {"reason": wanted.reason}
            return await self._say(held, OwnWord(DROPPED, item=name, properties=said), speaker)

    async def start_delay(self, asked: str, wanted: NewDelay, speaker: Speaker) -> DelayView:
        """Say whom we wait for. Raises AccountUnknown, MilestoneUnknown, WordRefused."""
        async with self.speaking.moving(asked, speaker) as held:
            if wanted.milestone is not None:
                _step(await self.charting.chart(held.connection, held.account_id, held.now), wanted.milestone)
            at = _past(wanted.started_at, held.now, "started_at")
            said = {"side": wanted.side, "because": wanted.because}
            return await self._wait(held, OwnWord(DELAY_STARTED, at, item=wanted.milestone, properties=said), speaker)

    async def end_delay(self, asked: str, delay: str, wanted: DelayEnd, speaker: Speaker) -> DelayView:
        """Say that a waiting is over. Raises AccountUnknown, WordUnknown, PlanAgainst, WordRefused."""
        async with self.speaking.moving(asked, speaker) as held:
            chart = await self.charting.chart(held.connection, held.account_id, held.now)
            started: Delay | None = next((one for one in chart.delays if one.id == delay), None)
            if started is None:
                raise WordUnknown("delay", delay)
            if started.ended_at is not None:
                raise PlanAgainst("delay_ended", "this waiting is over already")
            at = _past(wanted.ended_at, held.now, "ended_at")
            if at is not None and at < started.started_at:
                raise WordRefused("ended_at", "before_start", "a waiting ends after it began")
            word = OwnWord(DELAY_ENDED, at, item=started.item, properties={"delay": delay})
            return await self._wait(held, word, speaker, delay)

    async def _say(self, held: Held, word: OwnWord, speaker: Speaker) -> AccountMilestones:
        """Keep a word, and return the plan with it."""
        await insert_own(held.connection, held.account_id, [_signed(word, speaker)])
        now = await reads.now(held.connection)
        chart = await self.charting.chart(held.connection, held.account_id, now)
        return view_of(chart, await plans.journey_since(held.connection, held.account_id, now))

    async def _wait(self, held: Held, word: OwnWord, speaker: Speaker, delay: str | None = None) -> DelayView:
        """Keep a word on waiting, and return the waiting that it began, or the one it ended."""
        (name,) = await insert_own(held.connection, held.account_id, [_signed(word, speaker)])
        told = await plans.delay_words(held.connection, [held.account_id], await reads.now(held.connection))
        found = delays_of(told[held.account_id])
        return delay_view(next(one for one in found if one.id == (delay or name)))


def _signed(word: OwnWord, speaker: Speaker) -> OwnWord:
    said: Mapping[str, Any] = {**word.properties, "told_by": speaker.told_by}
    return OwnWord(word.type, word.occurred_at, speaker.author, item=word.item, due_at=word.due_at, properties=said)


def _planned(name: str, said: Mapping[str, Any]) -> OwnWord:
    due = said.get("due_at")
    moment = None if due is None else datetime.fromisoformat(due)
    return OwnWord(PLANNED, item=name, due_at=moment, properties=said)


def _step(chart: Chart, name: str) -> PlannedMilestone:
    found = chart.step(name)
    if found is None:
        raise MilestoneUnknown(name, [one.id for one in chart.plan.milestones] if chart.plan else [])
    return found


def _refuse_unknown(chart: Chart, name: str, after: Iterable[str]) -> None:
    """A milestone waits for others of the plan that do not wait for it in turn. Raises WordRefused."""
    plan = {one.id: one.after for one in chart.plan.milestones} if chart.plan else {}
    for place, other in enumerate(after):
        part = f"after/{place}"
        if other == name:
            raise WordRefused(part, "waits_for_itself", "a milestone cannot wait for itself")
        if other not in plan:
            near = difflib.get_close_matches(other, [one for one in plan if one != name], n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(plan) or 'none'}"
            raise WordRefused(part, "milestone_unknown", f"the plan has no milestone '{other[:100]}'; {hint}")
        if name in _all_before(plan, other):
            raise WordRefused(part, "waits_in_a_circle", f"'{other}' waits for '{name}' already")


def _all_before(plan: Mapping[str, tuple[str, ...]], name: str) -> set[str]:
    """All that a milestone waits for, and all that those wait for in turn."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        fresh = set(plan.get(ahead.pop(), ())) - found
        found |= fresh
        ahead += fresh
    return found


def _past(at: datetime | None, now: datetime, part: str) -> datetime | None:
    """A moment that was; what is said of the future is a plan, and no fact. Raises WordRefused."""
    if at is not None and at > now:
        raise WordRefused(part, "in_future", "it has not come yet")
    return at
