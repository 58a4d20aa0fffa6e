"""Runs worked examples and tells each one's verdict; an example that is not wholly understood is never passed as good.

Histories go into the feed, the recording lane makes records of them, the signals SQL measures, the law scores.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from milepost_core.events import ITEM_KINDS
from milepost_core.model import Band
from milepost_core.overrides import Override, OverrideRefused, refuse_override
from scoring_api.verifying.asking import answer_story
from scoring_api.verifying.cases import Case, Json, NotUnderstood, Story, story_of
from scoring_api.verifying.comparing import Remark, differences
from scoring_api.verifying.measuring import Placed, Store
from scoring_api.verifying.moments import NoMoment, instant
from scoring_api.verifying.plainly import answer_plain, is_plain
from scoring_api.verifying.telling import Untellable, events_of, new_account

# So many examples are told before they are recorded together.
TOGETHER = 100
Word = Literal["ok", "differs", "not_understood"]
Progress = Callable[[int, int], None]
_OVERRIDE_WORDS = ("band", "score", "reason", "author", "created_at", "expires_at", "id", "ended_at")


@dataclass(frozen=True)
class Verdict:
    """What came of one example."""

    case: Case
    verdict: Word
    remarks: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The verdict as plain data."""
        return {"id": self.case.id, "title": self.case.title, "verdict": self.verdict, "remarks": list(self.remarks)}


async def verify(store: Store, cases: Sequence[Case], progress: Progress | None = None) -> list[Verdict]:
    """Return every example's verdict, in order; `progress` hears how many of how many are done."""
    verdicts: list[Verdict] = []
    for group in _groups(cases):
        verdicts += await _verify_group(store, group)
        if progress is not None:
            progress(len(verdicts), len(cases))
    return verdicts


def _groups(cases: Sequence[Case]) -> Iterator[list[Case]]:
    rest = iter(cases)
    while group := list(islice(rest, TOGETHER)):
        yield group


async def _verify_group(store: Store, cases: Sequence[Case]) -> list[Verdict]:
    stories: dict[int, Story] = {}
    verdicts: dict[int, Verdict] = {}
    for place, case in enumerate(cases):
        try:
            if is_plain(case.said):
                verdicts[place] = _judged(case, _expected(case), answer_plain(case.said))
            else:
                stories[place] = _tellable(story_of(case))
        except _AMISS as error:
            verdicts[place] = _not_understood(case, error)
    placed = dict(zip(stories, await store.record(list(stories.values())), strict=True))
    for place, one in placed.items():
        try:
            verdicts[place] = _judged(cases[place], *await _answered(store, one))
        except _AMISS as error:
            verdicts[place] = _not_understood(cases[place], error)
    return [verdicts[place] for place in range(len(cases))]


# What an example may do wrong: say what has no meaning, or say it in a shape that nothing here can read.
_AMISS = (NotUnderstood, NoMoment, Untellable, OverrideRefused, KeyError, TypeError, ValueError, AttributeError)


def _not_understood(case: Case, error: Exception) -> Verdict:
    told = str(error) if isinstance(error, NotUnderstood | NoMoment | Untellable) else repr(error)
    return Verdict(case, "not_understood", (told[:500],))


def _expected(case: Case) -> Json:
    expected = case.said.get("expected")
    if isinstance(expected, list):
        expected = {"bands": expected}
    if not isinstance(expected, Mapping) or not expected:
        raise NotUnderstood("/expected: says nothing that could be compared")
    return expected


def _tellable(story: Story) -> Story:
    """Return the story if everything of it has words in the feed. Raises NotUnderstood, NoMoment, Untellable."""
    for account in story.accounts:
        events_of(account, new_account())
    asked = {str(state) for model in story.models for state in _states(model)}
    known = {one.partition(".")[2] for kind in ITEM_KINDS.values() for one in kind.opens}
    if asked - known:
        strange = min(asked - known)
        raise NotUnderstood(f"/model: items have no state {strange!r}; known are {', '.join(sorted(known))}")
    return story


def _states(part: Any) -> Iterator[Any]:
    """The states of items that a model asks for."""
    if isinstance(part, list):
        for one in part:
            yield from _states(one)
    elif isinstance(part, Mapping):
        where = part.get("where")
        if part.get("agg") in ("open_items", "overdue_items", "oldest_open_age") and isinstance(where, Mapping):
            said = where.get("state", [])
            yield from said if isinstance(said, list) else [said]
        for one in part.values():
            yield from _states(one)


async def _answered(store: Store, placed: Placed) -> tuple[Json, dict[str, Any]]:
    overrides = [_override(one) for one in placed.story.overrides]
    found = []
    for at, moment in enumerate(placed.story.moments):
        active = [one for one in overrides if one.is_active(moment)]
        found.append(await store.score(placed, at, active[-1] if active else None))
    return answer_story(placed.story, found)


def _override(said: Json) -> Override:
    for key in said:
        if key not in _OVERRIDE_WORDS:
            raise NotUnderstood(f"/override/{key}: has no meaning here")
    created, expires = instant(said.get("created_at")), instant(said.get("ended_at") or said.get("expires_at"))
    if created is None or expires is None:
        raise NotUnderstood("/override: needs created_at and expires_at")
    band = None if said.get("band") is None else Band(said["band"])
    score = None if said.get("score") is None else float(said["score"])
    made = Override(band, score, str(said.get("reason") or "–"), str(said.get("author") or "–"), created, expires)
    refuse_override(made)
    return made


def _judged(case: Case, expected: Json, found: Mapping[str, Any]) -> Verdict:
    remarks: list[Remark] = list(differences(expected, found, case.tolerance))
    if not remarks:
        return Verdict(case, "ok")
    strange = all(one.kind == "not_understood" for one in remarks)
    return Verdict(case, "not_understood" if strange else "differs", tuple(str(one) for one in remarks))
