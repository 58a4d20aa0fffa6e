"""Where steps lead: names that lead nowhere, steps that nothing reaches, circles; each is refused with its place.

It never follows a run: it looks at every way that one could take.
"""

from collections.abc import Iterator, Sequence

from milepost_core.model.problems import ModelProblem, nearest_word
from milepost_core.playbooks.document import (
    END,
    OUTWARD,
    ApprovalStep,
    BranchStep,
    InAppStep,
    Playbook,
    Step,
    WaitStep,
)
from milepost_core.playbooks.parsing_words import problem

__all__ = ["reached", "refuse_wrong_paths", "starts_of", "ways_out"]

Way = tuple[str, str]
"""Where in the document (JSON pointer) something leads to which step."""


def refuse_wrong_paths(playbook: Playbook) -> Iterator[ModelProblem]:
    """Yield every id said twice, name without a step, circle, step that no run can come to, and gate about nothing."""
    twice = list(_twice(playbook))
    yield from twice
    wrong = list(_leads_nowhere(playbook))
    yield from wrong
    if twice or wrong or not playbook.steps:
        return
    yield from _circles(playbook)
    if _leads_on(playbook):
        yield from _unreachable(playbook)
        yield from _gates(playbook)


def starts_of(playbook: Playbook) -> Iterator[Way]:
    """Yield every place where a run may begin; one that is not said is none."""
    yield from (way for way in _begins(playbook) if way[1])


def _begins(playbook: Playbook) -> Iterator[Way]:
    if playbook.tiers is None:
        yield "/steps/0", playbook.steps[0].id
    else:
        for index, row in enumerate(playbook.tiers.rows):
            yield f"/tiers/rows/{index}/start", row.start
        if playbook.tiers.otherwise is not None:
            yield "/tiers/otherwise", playbook.tiers.otherwise
    for index, arm in enumerate(playbook.arms):
        if arm.start is not None:
            yield f"/arms/{index}/start", arm.start


def ways_out(playbook: Playbook, index: int) -> Iterator[Way]:
    """Yield every step that a run can come to right after the one at this place; `end` is none, nor what is unsaid."""
    yield from (way for way in _goes(playbook, index) if way[1] not in ("", END))


def _goes(playbook: Playbook, index: int) -> Iterator[Way]:
    step, here = playbook.steps[index], f"/steps/{index}"
    if isinstance(step, BranchStep):
        said = [(f"{here}/cases/{n}/next", case.next) for n, case in enumerate(step.cases)]
        said.append((f"{here}/otherwise", step.otherwise))
    elif step.next is not None:
        said = [(f"{here}/next", step.next)]
    else:
        said = [(here, playbook.steps[index + 1].id)] if index + 1 < len(playbook.steps) else []
    if isinstance(step, WaitStep) and step.on_timeout is not None:
        said.append((f"{here}/on_timeout", step.on_timeout))
    if isinstance(step, ApprovalStep):
        said.append((f"{here}/rejected", step.rejected))
    # A branch that is passed over, or whose question stays open, goes to `otherwise`, which is said already.
    yield from said


def _leads_on(playbook: Playbook) -> bool:
    """Return whether every way says where it leads; where one does not, nobody knows what can be reached."""
    ways = [*_begins(playbook), *(way for index in range(len(playbook.steps)) for way in _goes(playbook, index))]
    return all(target for _, target in ways)


def _twice(playbook: Playbook) -> Iterator[ModelProblem]:
    lists: Sequence[tuple[str, Sequence[str]]] = (
        ("/steps", [one.id for one in playbook.steps]),
        ("/measures", [one.id for one in playbook.measures]),
        ("/arms", [one.id for one in playbook.arms]),
        ("/tiers/rows", [one.id for one in playbook.tiers.rows] if playbook.tiers else []),
        ("/tiers/classes", [one.id for one in playbook.tiers.classes] if playbook.tiers else []),
    )
    for place, ids in lists:
        for index, one in enumerate(ids):
            if one and one in ids[:index]:
                yield problem(f"{place}/{index}/id", "doubled", f"{one!r} is at {place}/{ids.index(one)} already")


def _leads_nowhere(playbook: Playbook) -> Iterator[ModelProblem]:
    ids = [step.id for step in playbook.steps]
    said = list(starts_of(playbook)) if playbook.steps else []
    begins = {pointer for pointer, _ in said}
    for index, step in enumerate(playbook.steps):
        said += ways_out(playbook, index)
        if isinstance(step, ApprovalStep):
            said.append((f"/steps/{index}/about", step.about))
    for pointer, target in said:
        if target and target not in ids:
            message, near = f"there is no step {target!r}", nearest_word(target, ids)
            expected = "the id of a step" if pointer in begins else "the id of a step, or end"
            yield ModelProblem(pointer, message, expected, near, "step_unknown")
    measures = [one.id for one in playbook.measures]
    for index, row in enumerate(playbook.tiers.rows if playbook.tiers else ()):
        if row.success and row.success not in measures:
            place, near = f"/tiers/rows/{index}/success", nearest_word(row.success, measures)
            yield ModelProblem(place, f"there is no measure {row.success!r}", "the id of a measure", near, "unknown")


def _circles(playbook: Playbook) -> Iterator[ModelProblem]:
    """Yield the way that closes each circle; depth first, by hand, as there may be more steps than Python nests."""
    place = {step.id: index for index, step in enumerate(playbook.steps)}
    done: set[int] = set()
    for root in range(len(playbook.steps)):
        trail: list[int] = []
        stack = [(root, iter([] if root in done else list(ways_out(playbook, root))))]
        trail.append(root)
        while stack:
            here, ways = stack[-1]
            way = next(ways, None)
            if way is None:
                done.add(here)
                stack.pop()
                trail.pop()
            elif place[way[1]] in trail:
                yield _circle(playbook.steps, trail[trail.index(place[way[1]]) :], way)
            elif place[way[1]] not in done:
                stack.append((place[way[1]], iter(list(ways_out(playbook, place[way[1]])))))
                trail.append(place[way[1]])


def _circle(steps: Sequence[Step], trail: Sequence[int], way: Way) -> ModelProblem:
    names = " → ".join([*(steps[one].id for one in trail), way[1]])
    return problem(way[0], "loop", f"leads in a circle: {names}", "steps that come to an end")


def _unreachable(playbook: Playbook) -> Iterator[ModelProblem]:
    found = reached(playbook, [target for _, target in starts_of(playbook)])
    for index, step in enumerate(playbook.steps):
        if step.id not in found:
            message = f"no run can come to the step {step.id!r}"
            yield problem(f"/steps/{index}", "step_unreachable", message, "a tier, an arm or a step that leads here")


def reached(playbook: Playbook, starts: Sequence[str]) -> set[str]:
    """Return every step that a run can come to from these, with them; all names of steps have to be right."""
    place = {step.id: index for index, step in enumerate(playbook.steps)}
    found: set[str] = set()
    ahead = list(starts)
    while ahead:
        one = ahead.pop()
        if one not in found:
            found.add(one)
            ahead += [target for _, target in ways_out(playbook, place[one])]
    return found


def _gates(playbook: Playbook) -> Iterator[ModelProblem]:
    for index, step in enumerate(playbook.steps):
        if not isinstance(step, ApprovalStep):
            continue
        pointer, about = f"/steps/{index}/about", playbook.step(step.about)
        if about is None or (about.kind not in OUTWARD and not isinstance(about, InAppStep)):
            yield problem(pointer, "approval_about", f"{step.about!r} sends nothing", "a step that sends something")
        elif about.id not in reached(playbook, [target for _, target in ways_out(playbook, index)]):
            yield problem(pointer, "approval_about", f"{step.about!r} does not come after this gate", "a later step")
        elif step.rejected != END and about.id in reached(playbook, [step.rejected]):
            message = f"who says no is led to {step.about!r} all the same"
            expected = "end, or a step from which no way leads to what was rejected"
            yield problem(f"/steps/{index}/rejected", "approval_about", message, expected)
