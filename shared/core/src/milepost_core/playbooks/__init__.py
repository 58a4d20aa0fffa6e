"""Playbooks: documents of outreach and the laws about them; each module says what it decides.

`document` what a checked one says · `conditions` who is meant · `parsing` from a mapping to a checked one or all that
is wrong with it · `starting` which change starts it · `watching` what has come to hold · `tiers` which cadence ·
`assigning` who is held out and who gets which arm.
"""

from milepost_core.playbooks.document import (
    BAND_RANK,
    Band,
    BandTrigger,
    Direction,
    EmailStep,
    Playbook,
    Step,
    Trigger,
)
from milepost_core.playbooks.parsing import PlaybookInvalid, Problem, parse_playbook
from milepost_core.playbooks.starting import Change, Declines, Ignores, Starts, digest, match, trigger_key

__all__ = [
    "BAND_RANK", "Band", "BandTrigger", "Change", "Declines", "Direction", "EmailStep", "Ignores", "Playbook",
    "PlaybookInvalid", "Problem", "Starts", "Step", "Trigger", "digest", "match", "parse_playbook", "trigger_key",
]  # fmt: skip
