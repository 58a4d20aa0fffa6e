"""Which of the law's answers an example about accounts asks for, gathered under the words it uses; it computes none."""

from collections.abc import Mapping, Sequence
from typing import Any

from milepost_core.model import Band
from milepost_core.transitions import band_series
from scoring_api.verifying.answering import Scored, dimensions, number, signals, standing
from scoring_api.verifying.cases import Json, NotUnderstood, Story
from scoring_api.verifying.comparing import Either, alike
from scoring_api.verifying.reasoning import aim, drivers, levers, movement_of, way_up

_WAYS_UP = ("combination", "path", "cheapest", "plan", "cheapest_combination")
_SIDES = (("before", "after"), ("earlier", "later"), ("from", "to"), ("t0", "t1"), ("first", "second"))


def answer_story(story: Story, found: Sequence[Sequence[Scored]]) -> tuple[Json, dict[str, Any]]:
    """Return what is expected and what the law says; `found` holds, moment by moment, every account scored.

    Raises NotUnderstood.
    """
    expected = _whole(story)
    subject = [at_once[0] for at_once in found]
    answers = answer(subject[-1], story, expected)
    if len(subject) == 2:
        answers |= movement_of(subject[0], subject[1])
        for first, second in _SIDES:
            answers |= _sides(story, subject, expected, (first, second))
    if len(subject) > 1:
        answers |= _course(subject)
    if len(found[-1]) > 1:
        answers["accounts"] = _everybody(story, found[-1], expected.get("accounts"))
    return expected, answers


def _whole(story: Story) -> Json:
    """What is expected in one object: accounts may carry their own expectations."""
    own = [one.get("expected") for one in story.accounts]
    if not any(isinstance(one, Mapping) for one in own):
        return story.expected
    return {**story.expected, "accounts": [one if isinstance(one, Mapping) else {} for one in own]}


def answer(one: Scored, story: Story, expected: Json) -> dict[str, Any]:
    """Return everything that can be said of one account at one moment, as far as it is asked for."""
    found = standing(one) | {"signals": signals(one), "dimensions": dimensions(one)}
    baseline = expected.get("baseline_signals") or story.given.get("baseline_signals") or story.given.get("baseline")
    found |= drivers(one, baseline if isinstance(baseline, Mapping) else {})
    target = story.given.get("target")
    if target in (Band.GREEN.value, Band.YELLOW.value):
        bands = one.model.bands
        target = (bands.green if target == Band.GREEN.value else bands.yellow) + bands.margin_up
    if target is not None and not isinstance(target, int | float):
        raise NotUnderstood("/target: is neither a score nor a band")
    goal = aim(one, None if target is None else float(target))
    if "single_lever" in expected or "levers" in expected:
        if goal is None:
            raise NotUnderstood("/expected/single_lever: there is no band above, and no target")
        units = story.given.get("units") or {}
        found["single_lever"] = found["levers"] = levers(one, goal, units)
    if any(name in expected for name in _WAYS_UP):
        found |= way_up(one, None if target is None else float(target))
    return found


def _sides(story: Story, subject: Sequence[Scored], expected: Json, names: tuple[str, str]) -> dict[str, Any]:
    """The account before and after, if the example expects something of either."""
    asked = [(name, one) for name, one in zip(names, subject, strict=True) if isinstance(expected.get(name), Mapping)]
    return {name: answer(one, story, expected[name]) for name, one in asked}


def _course(subject: Sequence[Scored]) -> dict[str, Any]:
    """Scores and bands over the moments, as they would have followed one another."""
    shown = [number(one.scores.display[0]) for one in subject]
    known = [
        None if one.scores.band_word(0) is Band.UNKNOWN else display
        for one, display in zip(subject, shown, strict=True)
    ]
    moments = [one.as_of for one in subject]
    bands = band_series(subject[-1].model.bands, list(zip(moments, known, strict=True)))
    exact = [number(one.scores.score[0]) for one in subject]
    found: dict[str, Any] = {
        "bands": [band.value for band in bands],
        **alike(("displays", "displayed_scores"), shown),
        "scores": Either((exact, shown)),
        "coverages": [number(one.scores.coverage[0]) for one in subject],
    }
    raw = [number(one.scores.raw_score[0]) for one in subject]
    return found | {"raw_scores": raw, "series": [standing(one) | {"signals": signals(one)} for one in subject]}


def _everybody(story: Story, scored: Sequence[Scored], expected: Any) -> Any:
    """What is said of every account, by its place or by its name, as the example asks for it."""
    if isinstance(expected, Mapping):
        names = [str(one.get("id", one.get("name", place))) for place, one in enumerate(story.accounts)]
        asked = {name: one for name, one in zip(names, scored, strict=True) if name in expected}
        return {name: answer(one, story, expected[name]) for name, one in asked.items()}
    asks = expected if isinstance(expected, list) else [{}] * len(scored)
    return [answer(one, story, its) for one, its in zip(scored, asks, strict=False)]
