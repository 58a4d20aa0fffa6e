"""Cadence: how a run goes from step to step, what ends it, whether it may begin, and why nothing came of it.

It never looks at a clock or talks to anyone. `situation` what the law is asked and answers · `stepping` what comes next
· `exits` what ends a run early · `entering` whether one may begin · `admitting` what comes of a reason to begin one ·
`dating` when a date is due · `why` what stands in the way.
"""

from milepost_core.cadence.entering import FRESH_FOR, Pursuit, may_start
from milepost_core.cadence.exits import EXIT_EVENTS, OPTED_OUT, exit_by_facts, exit_by_happening, looks_at_facts, stands
from milepost_core.cadence.situation import CHANGE, Ask, Go, Leave, Move, Perform, Situation, Wait, event_word
from milepost_core.cadence.stepping import TIMED_OUT, Passed, Walk, advance, needs_facts, wakes_of, walk
from milepost_core.cadence.unmet import asked_of, unmet
from milepost_core.cadence.why import Standing, Verdict, why_not

__all__ = [
    "CHANGE", "EXIT_EVENTS", "FRESH_FOR", "OPTED_OUT", "TIMED_OUT", "Ask", "Go", "Leave", "Move", "Passed", "Perform",
    "Pursuit", "Situation", "Standing", "Verdict", "Wait", "Walk", "advance", "asked_of", "event_word",
    "exit_by_facts", "exit_by_happening", "looks_at_facts", "may_start", "needs_facts", "stands", "unmet", "wakes_of",
    "walk", "why_not",
]  # fmt: skip
