"""What-if: the smallest change to the next band, exactly. Arithmetic on the score, not a causal promise.

It never proposes the impossible and never stores an answer. Start at `path`; `levers` looks at one
signal at a time, `combination` holds the search, `situation` the account in question.
"""

from milepost_core.what_if.combination import Choice, Option, cheapest
from milepost_core.what_if.domain import Domain, domain_of, impossible
from milepost_core.what_if.levers import Lever, single_lever
from milepost_core.what_if.path import Path, PathStep, next_band, path_to, paths_to, target_score
from milepost_core.what_if.situation import Situation, UnknownGate, UnknownSignal, rescored, supposed

__all__ = [
    "Choice",
    "Domain",
    "Lever",
    "Option",
    "Path",
    "PathStep",
    "Situation",
    "UnknownGate",
    "UnknownSignal",
    "cheapest",
    "domain_of",
    "impossible",
    "next_band",
    "path_to",
    "paths_to",
    "rescored",
    "single_lever",
    "supposed",
    "target_score",
]
