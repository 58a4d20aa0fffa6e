"""The arbiter of outreach: one law for every playbook about who may be written to, when, and how often.

`policy` what the company has said · `hours` when somebody's day is open · `asking` questions and answers · `law` the
decision.
"""

from milepost_core.arbiter.asking import (
    RIVALS_AHEAD,
    Allow,
    Defer,
    Objection,
    Refuse,
    Request,
    Rival,
    Standing,
    Touched,
    Verdict,
)
from milepost_core.arbiter.hours import Hours, Window
from milepost_core.arbiter.law import (
    OF_HOURS,
    OF_POLICY,
    OF_TROUBLE,
    arbitrate,
    arbitrate_all,
    objections_now,
)
from milepost_core.arbiter.policy import Cap, Fault, Policy, PolicyInvalid, document_of, is_region, parse_policy

__all__ = [
    "OF_HOURS", "OF_POLICY", "OF_TROUBLE", "RIVALS_AHEAD", "Allow", "Cap", "Defer", "Fault", "Hours", "Objection",
    "Policy", "PolicyInvalid", "Refuse", "Request", "Rival", "Standing", "Touched", "Verdict", "Window", "arbitrate",
    "arbitrate_all", "document_of", "is_region", "objections_now", "parse_policy",
]  # fmt: skip
