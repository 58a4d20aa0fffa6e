"""Why a score is so: drivers that add up, sentences, and what changed between two moments.

It never stores prose; sentences are made from kept numbers whenever somebody asks.
"""

from milepost_core.explanation.advice import Advice, advise
from milepost_core.explanation.comparison import Movement, Profile, between, profile_of
from milepost_core.explanation.difference import Difference, Kind, Sides, Step, difference
from milepost_core.explanation.drivers import (
    GATES,
    Driver,
    Explanation,
    GateLine,
    MissingInput,
    UncountedInput,
    explain,
    fixed_points,
    median_points,
    missing_inputs,
    uncounted_inputs,
)
from milepost_core.explanation.rounding import Displayed, apportion, shared_out, tenths
from milepost_core.explanation.sentences import (
    in_sentence,
    missing_sentence,
    sentence,
    show_number,
    show_value,
    summary,
)

__all__ = [
    "GATES",
    "Advice",
    "Difference",
    "Displayed",
    "Driver",
    "Explanation",
    "GateLine",
    "Kind",
    "MissingInput",
    "Movement",
    "Profile",
    "Sides",
    "Step",
    "UncountedInput",
    "advise",
    "apportion",
    "between",
    "difference",
    "explain",
    "fixed_points",
    "in_sentence",
    "median_points",
    "missing_inputs",
    "missing_sentence",
    "profile_of",
    "sentence",
    "shared_out",
    "show_number",
    "show_value",
    "summary",
    "tenths",
    "uncounted_inputs",
]
