"""A human override is loud about itself, ends by itself, and yields only to a hard gate."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from milepost_core.model import Band, Bands
from milepost_core.overrides import EffectiveBand, Override, OverrideRefused, effective_band, refuse_override

NOW = datetime(2026, 5, 1, tzinfo=UTC)
RED = Override(Band.RED, None, "their champion told me", "mara", NOW, NOW + timedelta(days=30))


def in_effect(
    at: datetime, *, hard: bool = False, gated: bool = False, override: Override | None = RED
) -> EffectiveBand:
    bands = Bands(70, 40)
    return effective_band(Band.GREEN, bands=bands, gated=gated, hard_gate=hard, override=override, at=at)


def test_an_override_holds_from_its_creation_until_its_end() -> None:
    assert in_effect(NOW) == EffectiveBand(Band.RED, "override")
    assert in_effect(NOW - timedelta(seconds=1)) == EffectiveBand(Band.GREEN, "model")
    assert in_effect(NOW + timedelta(days=30)) == EffectiveBand(Band.GREEN, "model")


def test_a_hard_gate_beats_an_override_and_a_soft_one_does_not() -> None:
    assert in_effect(NOW, gated=True, hard=True).because == "gate"
    assert in_effect(NOW, gated=True).because == "override"


def test_an_override_by_score_takes_the_plain_band() -> None:
    by_score = replace(RED, band=None, score=55.0)

    assert in_effect(NOW, override=by_score).band is Band.YELLOW


@pytest.mark.parametrize(
    "change",
    [
        {"reason": " "},
        {"author": ""},
        {"band": None},
        {"score": 50.0},
        {"band": None, "score": 101.0},
        {"band": Band.UNKNOWN},
        {"expires_at": NOW + timedelta(days=31)},
        {"expires_at": NOW},
    ],
)
def test_an_override_without_reason_author_verdict_or_end_is_refused(change: dict[str, Any]) -> None:
    refuse_override(RED)
    with pytest.raises(OverrideRefused):
        refuse_override(replace(RED, **change))


def test_a_refusal_names_the_part_that_is_wrong() -> None:
    with pytest.raises(OverrideRefused) as refused:
        refuse_override(replace(RED, expires_at=NOW - timedelta(days=1)))

    assert refused.value.part == "expires_at"
    assert "ahead" in str(refused.value)


@pytest.mark.parametrize(
    ("gap", "reason", "allowed"),
    [
        (timedelta(0), "their champion told me", False),
        (timedelta(days=29), " Their  CHAMPION told\nme", False),
        (timedelta(days=30), "their champion told me", True),
        (timedelta(0), "their champion told me again", True),
        (timedelta(0), "their champion told me.", False),
        (timedelta(0), "their champion\u200b told \u202ame\u202c!", False),
    ],
)
def test_renewing_within_the_longest_life_needs_a_new_reason(gap: timedelta, reason: str, *, allowed: bool) -> None:
    at = RED.expires_at + gap
    again = replace(RED, reason=reason, created_at=at, expires_at=at + timedelta(days=1))
    if allowed:
        refuse_override(again, [RED])
        return
    with pytest.raises(OverrideRefused, match="new reason"):
        refuse_override(again, [RED])


def test_two_reasons_in_turn_do_not_renew_an_override_for_ever() -> None:
    day = timedelta(days=1)
    other = replace(RED, reason="the sponsor left", created_at=RED.expires_at, expires_at=RED.expires_at + day)
    again = replace(RED, created_at=other.expires_at, expires_at=other.expires_at + day)
    with pytest.raises(OverrideRefused, match="new reason"):
        refuse_override(again, [other, RED])
