"""Why a score is so: drivers that add up, sentences, and what changed between two moments.

It never stores prose; sentences are made from kept numbers whenever somebody asks.
"""

from milepost_core.explanation.comparison import Movement, Profile, between, profile_of
from milepost_core.explanation.drivers import (
    GATES,
    Driver,
    Explanation,
    GateLine,
    MissingInput,
    explain,
    fixed_points,
    median_points,
    missing_inputs,
)
from milepost_core.explanation.rounding import Displayed, apportion, tenths
from milepost_core.explanation.sentences import (
    in_sentence,
    missing_sentence,
    next_steps,
    sentence,
    show_number,
    show_value,
    summary,
)

__all__ = [
    "GATES",
    "Displayed",
    "Driver",
    "Explanation",
    "GateLine",
    "MissingInput",
    "Movement",
    "Profile",
    "apportion",
    "between",
    "explain",
    "fixed_points",
    "in_sentence",
    "median_points",
    "missing_inputs",
    "missing_sentence",
    "next_steps",
    "profile_of",
    "sentence",
    "show_number",
    "show_value",
    "summary",
    "tenths",
]
