"""Claims about who gets what: audience, re-entry, tier matrix, holdout and arms, the same in every process."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from milepost_core.cadence.admitting import Admitted, Applicant, HeldOut, Occasion, admit, subjects_to_admit
from milepost_core.cadence.entering import Pursuit
from milepost_core.cadence.situation import Leave
from milepost_core.playbooks.assigning import Assignment, assign, bucket_of
from milepost_core.playbooks.conditions import Compare, Fact, Facts
from milepost_core.playbooks.document import (
    Arm,
    BandTrigger,
    EmailStep,
    EventTrigger,
    Exit,
    Holdout,
    Playbook,
    ReEntry,
    TierRow,
    Tiers,
    ValueClass,
)
from milepost_core.playbooks.starting import Declines

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
STEPS = tuple(EmailStep(id=name) for name in ("nudge", "call", "sponsor", "other"))
PLAIN = Playbook("p", 1, "P", "", BandTrigger(("red",)), STEPS)
TIERS = Tiers(
    "arr",
    (ValueClass("small", 10_000), ValueClass("middle", 100_000), ValueClass("large")),
    (
        TierRow("late", "sponsor", ("red",), ("large",)),
        TierRow("mid", "call", ("red", "yellow"), ("middle", "large")),
        TierRow("early", "nudge", ("yellow",), stages=("activation",)),
    ),
)
TIERED = replace(PLAIN, tiers=TIERS)
ESCALATED = Compare("gate.escalation", "eq", (True,))
FACTS: Facts = {"attribute.arr": Fact(50_000.0), "band": Fact("red"), "stage": Fact("activation")}


def admitted(playbook: Playbook, facts: Facts = FACTS, band: str | None = None, **who: object) -> Admitted | Declines:
    applicant = replace(Applicant("acme", facts), **who)  # type: ignore[arg-type]
    return admit(playbook, Occasion("band_changed", NOW, band), applicant, NOW)


def code(found: Admitted | Declines) -> str:
    assert isinstance(found, Declines)
    return found.code


@pytest.mark.parametrize(
    ("band", "arr", "stage", "start"),
    [
        ("red", 100_000.0, "rollout", "sponsor"),
        ("red", 99_999.0, "rollout", "call"),
        ("yellow", 10_000.0, "x", "call"),
        ("yellow", 9_999.0, "activation", "nudge"),
        ("yellow", None, "activation", "nudge"),
        ("red", None, "activation", None),
        ("red", 5.0, "activation", None),
        ("green", 100_000.0, "activation", None),
        ("yellow", None, None, None),
    ],
)
def test_the_first_row_of_the_matrix_that_fits_decides(
    band: str, arr: float | None, stage: str | None, start: str | None
) -> None:
    facts = {"attribute.arr": Fact(arr), "band": Fact(band), "stage": Fact(stage)}
    found = admitted(TIERED, facts)
    assert (found.start if isinstance(found, Admitted) else None) == start
    assert start is not None or code(found) == "no_tier"


def test_the_band_that_it_starts_for_goes_before_todays_and_otherwise_before_nothing() -> None:
    found = admitted(TIERED, {**FACTS, "attribute.arr": Fact(500_000.0)}, band="yellow")
    fallen = admitted(replace(TIERED, tiers=replace(TIERS, otherwise="other")), {"band": Fact("green")})
    assert isinstance(found, Admitted)
    assert isinstance(fallen, Admitted)
    assert (found.start, found.tier.tier, found.tier.value_class, found.band) == ("call", "mid", "large", "yellow")
    assert (fallen.start, fallen.tier.tier) == ("other", None)


def test_who_is_not_meant_is_told_why_and_who_may_be_is_not_started() -> None:
    meant = replace(PLAIN, audience=Compare("stage", "eq", ("rollout",)))
    found = admitted(meant)
    assert isinstance(found, Declines)
    assert found.sentence == (
        "it is meant for accounts of which the stage is rollout: the stage is activation, which is not rollout"
    )
    assert [code(found), code(admitted(meant, {}))] == ["not_meant", "audience_unknown"]


@pytest.mark.parametrize(
    ("rule", "pursuit", "expected"),
    [
        (ReEntry(days=7), Pursuit(True, NOW), "already_running"),
        (ReEntry(days=7), Pursuit(False, NOW - timedelta(days=6.9), 1), "too_soon"),
        (ReEntry(days=7), Pursuit(False, NOW - timedelta(days=7), 1), None),
        (ReEntry(never=True), Pursuit(False, NOW - timedelta(days=900), 1), "once_only"),
        (ReEntry(never=True), Pursuit(False, None), None),
        (ReEntry(days=0, most=3, per_days=90.0), Pursuit(False, NOW - timedelta(days=1), 3), "too_often"),
        (ReEntry(days=0, most=3, per_days=90.0), Pursuit(False, NOW - timedelta(days=1), 2), None),
    ],
)
def test_re_entry_is_by_rule(rule: ReEntry, pursuit: Pursuit, expected: str | None) -> None:
    found = admitted(replace(PLAIN, re_entry=rule), pursuit=pursuit)
    assert (found.code if isinstance(found, Declines) else None) == expected


@pytest.mark.parametrize(
    ("tier", "begun", "taken_over"),
    [
        ("early", "nudge", True),
        ("mid", "call", True),
        (None, "other", True),
        ("late", "sponsor", False),
        ("of-another-version", "nudge", False),
        # By a version that had no tiers, or led elsewhere whom none of them fits.
        (None, "nudge", False),
        (None, "sponsor", False),
        # By a version whose milder tier began where the worst one does now.
        ("mid", "sponsor", False),
    ],
)
def test_only_a_worse_tier_takes_over_from_an_open_run(tier: str | None, begun: str, taken_over: bool) -> None:
    rich = {**FACTS, "attribute.arr": Fact(500_000.0)}
    never = replace(TIERED, re_entry=ReEntry(days=300, never=True), tiers=replace(TIERS, otherwise="other"))
    found = admitted(never, rich, pursuit=Pursuit(True, NOW, 1, tier, begun))

    if not taken_over:
        assert code(found) == "already_running"
        return
    assert isinstance(found, Admitted)
    assert (found.start, found.tier.tier) == ("sponsor", "late")
    assert found.over == Leave("escalated", "the account has come to the tier late", close_tasks=True)


def test_it_never_goes_downwards_nor_over_to_the_same_cadence_under_another_name() -> None:
    same = replace(TIERS, rows=(replace(TIERS.rows[0], start="call"), *TIERS.rows[1:]))
    rich = {**FACTS, "attribute.arr": Fact(500_000.0)}

    assert code(admitted(TIERED, pursuit=Pursuit(True, NOW, 1, "late", "sponsor"))) == "already_running"
    open_run = Pursuit(True, NOW, 1, "mid", "call")
    assert code(admitted(replace(TIERED, tiers=same), rich, pursuit=open_run)) == "already_running"


def test_an_exit_says_what_becomes_of_the_tasks_of_who_is_taken_over() -> None:
    kept = replace(TIERED, exits=(Exit("escalated", tasks="keep"),))
    found = admitted(kept, {**FACTS, "attribute.arr": Fact(500_000.0)}, pursuit=Pursuit(True, NOW, 1, "mid", "call"))

    assert isinstance(found, Admitted)
    assert found.over is not None
    assert not found.over.close_tasks


def test_who_is_held_out_or_in_an_arm_with_a_way_of_its_own_stays_there_also_in_a_worse_tier() -> None:
    rich = {**FACTS, "attribute.arr": Fact(500_000.0)}
    worse = Applicant("acme", rich, Pursuit(True, NOW, 1, "early", "nudge"), Assignment("holdout", 0.1, "x", 1))
    arm = replace(worse, kept=Assignment("long", 0.9, "x", 1))
    old = Occasion("band_changed", NOW - timedelta(days=3))

    assert isinstance(admit(EXPERIMENT, Occasion("band_changed", NOW), worse, NOW), HeldOut)
    assert code(admit(EXPERIMENT, Occasion("band_changed", NOW), arm, NOW)) == "already_running"
    assert code(admit(TIERED, old, worse, NOW)) == "stale_change"


def test_an_arm_with_a_way_of_its_own_begins_once_also_where_the_worse_tier_begins_at_the_same_step() -> None:
    rich = {**FACTS, "attribute.arr": Fact(500_000.0)}
    same = replace(EXPERIMENT, holdout=None, arms=(Arm("long", 1.0, start="sponsor"),))
    for begun in ("sponsor", "nudge"):
        assert code(admitted(same, rich, pursuit=Pursuit(True, NOW, 1, "early", begun))) == "already_running"


def test_whom_an_open_run_helps_is_never_held_out_by_a_worse_tier_but_gets_an_arm() -> None:
    rich, armless = {**FACTS, "attribute.arr": Fact(500_000.0)}, replace(EXPERIMENT, holdout=Holdout(0.5), arms=())
    shares = replace(armless, version=2, arms=(Arm("short", 0.5), Arm("same", 0.5)))
    open_run = Pursuit(True, NOW, 1, "early", "nudge")
    for book, arms in ((armless, {"treated"}), (shares, {"short", "same"})):
        facts = {**rich, "gate.escalation": Fact(False)}
        fresh = [admitted(book, facts, account=account) for account in MANY[:60]]
        assert any(isinstance(one, HeldOut) for one in fresh)
        found = [admitted(book, facts, account=account, pursuit=open_run) for account in MANY[:60]]
        given = [one.assignment for one in found if isinstance(one, Admitted) and one.assignment is not None]
        assert len(given) == len(found)
        assert {(one.arm, one.version, one.excluded) for one in given} == {(arm, book.version, False) for arm in arms}


def test_by_hand_a_person_says_who_is_meant_and_when_but_not_twice_at_once() -> None:
    narrow = replace(PLAIN, audience=Compare("stage", "eq", ("rollout",)), re_entry=ReEntry(never=True))
    hand = Occasion("by_hand", NOW)
    before = Applicant("acme", FACTS, Pursuit(False, NOW))
    assert isinstance(admit(narrow, hand, before, NOW), Admitted)
    assert code(admit(narrow, hand, replace(before, pursuit=Pursuit(True, NOW)), NOW)) == "already_running"


def test_only_what_a_playbook_goes_by_is_asked_for() -> None:
    assert subjects_to_admit(PLAIN) == ()
    assert subjects_to_admit(TIERED) == ("attribute.arr", "band", "stage")
    assert subjects_to_admit(replace(PLAIN, holdout=Holdout(0.1, ESCALATED))) == ("gate.escalation", "stage")
    recovering = replace(PLAIN, exits=(Exit("recovered", ("green",)),))
    assert subjects_to_admit(recovering) == (), "a change of band says itself to which"
    assert subjects_to_admit(replace(recovering, trigger=EventTrigger(("ticket.escalated",)))) == ("band",)


EXPERIMENT = replace(
    TIERED, holdout=Holdout(0.2, ESCALATED), arms=(Arm("short", 0.25), Arm("long", 0.75, start="other"))
)
MANY = [str(UUID(int=number * 7919)) for number in range(20_000)]


@pytest.mark.parametrize("stratum", ["small/activation", "large/rollout"])
def test_shares_are_kept_within_every_stratum(stratum: str) -> None:
    arms = [assign(EXPERIMENT, account, stratum, FACTS).arm for account in MANY]
    # Five standard errors of a share of 20,000.
    for arm, share in (("holdout", 0.2), ("short", 0.2), ("long", 0.6)):
        assert abs(arms.count(arm) / len(MANY) - share) < 5 * (share * (1 - share) / len(MANY)) ** 0.5


def test_who_is_held_out_of_one_playbook_is_not_so_of_another_because_of_it() -> None:
    here = [bucket_of("holdout", "p", "s", account) < 0.5 for account in MANY]
    there = [bucket_of("holdout", "q", "s", account) < 0.5 for account in MANY]
    both = sum(one and other for one, other in zip(here, there, strict=True)) / len(MANY)
    assert abs(both - 0.25) < 0.016


def test_the_bucket_of_an_account_never_changes_between_versions_of_the_code() -> None:
    account = "0190f3d2-0000-7000-8000-000000000000"
    # Whoever was assigned to something by another figure would be elsewhere after an upgrade.
    assert bucket_of("holdout", "tiered-rescue", "large/rollout", account) == 0.7718696145854843


def test_what_was_assigned_stays_whatever_shares_and_strata_say_today() -> None:
    kept = Assignment("long", 0.9, "small/-", 1)
    wider = replace(EXPERIMENT, version=2, holdout=Holdout(0.5), arms=(Arm("short", 0.9), Arm("long", 0.1)))
    assert all(assign(wider, account, "large/x", FACTS, kept) == kept for account in MANY[:50])


def test_who_is_in_an_arm_that_a_version_has_not_draws_again_among_those_it_has() -> None:
    first = replace(EXPERIMENT, holdout=None, arms=(Arm("a", 0.5), Arm("b", 0.5)))
    other = replace(first, version=2, arms=(Arm("c", 0.5), Arm("d", 0.5)))
    before = {account: assign(first, account, "s", FACTS) for account in MANY}
    after = {account: assign(other, account, "s", FACTS, before[account]) for account in MANY}

    assert {(one.arm, one.version) for one in after.values()} == {("c", 2), ("d", 2)}
    # The new arms have as many of each old one: nobody's new arm follows from the old.
    from_a = [after[account].arm for account in MANY if before[account].arm == "a"]
    assert abs(from_a.count("c") / len(from_a) - 0.5) < 5 * (0.25 / len(from_a)) ** 0.5
    assert all(assign(other, account, "s", FACTS, kept) == kept for account, kept in list(after.items())[:50])


def test_arms_that_come_and_go_reach_who_was_treated_and_never_who_is_held_out() -> None:
    armless = replace(EXPERIMENT, version=2, arms=())
    treated, held = Assignment("treated", 0.9, "s", 1), Assignment("holdout", 0.1, "s", 1)
    assert assign(armless, "x", "s", FACTS, treated) == treated
    assert assign(armless, "x", "s", FACTS, replace(treated, arm="long")).arm == "treated"
    assert assign(replace(EXPERIMENT, version=2), "x", "s", FACTS, treated).arm in ("short", "long")
    assert assign(armless, "x", "s", FACTS, held) == held


def test_who_is_escalated_or_may_be_is_never_held_out() -> None:
    for escalated in (Fact(True), Fact(None)):
        found = [assign(EXPERIMENT, account, "s", {"gate.escalation": escalated}) for account in MANY[:200]]
        assert {(one.arm, one.excluded, one.held_out) for one in found} == {("excluded", True, False)}


def test_who_was_held_out_and_is_escalated_later_is_helped_and_stays_on_the_record() -> None:
    kept = Assignment("holdout", 0.1, "s", 1)
    assert isinstance(admitted(EXPERIMENT, kept=kept), HeldOut)
    found = admitted(EXPERIMENT, {**FACTS, "gate.escalation": Fact(True)}, kept=kept)
    assert isinstance(found, Admitted)
    assert found.assignment == replace(kept, excluded=True)
    assert found.assignment.acts_as == "excluded"
    assert found.start == "call"


def test_an_arm_begins_at_its_own_step_or_where_the_tier_does() -> None:
    short, long = (admitted(EXPERIMENT, kept=Assignment(arm, 0.3, "s", 1)) for arm in ("short", "long"))
    assert isinstance(short, Admitted)
    assert isinstance(long, Admitted)
    assert (short.start, long.start) == ("call", "other")
