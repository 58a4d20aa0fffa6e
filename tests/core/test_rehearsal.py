"""Claims about rehearsals: they go by the live law on a clock of their own, and end the same way every time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from milepost_core.arbiter import Policy
from milepost_core.cadence.admitting import Occasion
from milepost_core.playbooks.conditions import Compare, Fact, Facts
from milepost_core.playbooks.document import (
    ApprovalStep,
    BandTrigger,
    BranchStep,
    Case,
    EmailStep,
    Exit,
    Holdout,
    Playbook,
    ReEntry,
    TaskStep,
    TierRow,
    Tiers,
    WaitStep,
)
from milepost_core.rehearsal import Assumed, Before, Line, Scene, Underway, rehearse

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
RED: Facts = {"band": Fact("red"), "score": Fact(30.0)}
GREEN: Facts = {"band": Fact("green"), "score": Fact(80.0)}
MAIL = EmailStep("mail", to="sponsor@customer.example", subject="s", text="t", html="h")
WAIT = WaitStep("wait", days=3)
CALL = TaskStep("call", title="Call them", effort_minutes=45, finish_hours=16)


def playbook(*steps: object, **more: object) -> Playbook:
    values: dict[str, object] = {
        "id": "help", "version": 1, "name": "Help", "purpose": "", "trigger": BandTrigger(("red",)), "steps": steps,
    } | more  # fmt: skip
    return Playbook(**values)  # type: ignore[arg-type]


def scene(at: datetime = MONDAY, **more: object) -> Scene:
    values: dict[str, object] = {
        "account": "a1", "known": ((at, RED),), "occasions": (Occasion("band_changed", at, "red"),),
    } | more  # fmt: skip
    return Scene(**values)  # type: ignore[arg-type]


def played(book: Playbook, where: Scene, days: float = 30, people: str = "act") -> tuple[Line, ...]:
    until = where.occasions[-1].happened_at + timedelta(days=days)
    return rehearse(book, where, until, Policy(), Assumed(people))  # type: ignore[arg-type]


def codes(lines: tuple[Line, ...]) -> list[str]:
    return [line.code for line in lines]


def test_a_run_goes_through_mail_wait_and_task_at_their_times() -> None:
    lines = played(playbook(MAIL, WAIT, CALL), scene())

    assert codes(lines) == ["started", "sent", "waits", "passed", "task", "completed"]
    assert [line.at for line in lines if line.code in ("sent", "task")] == [MONDAY, MONDAY + timedelta(days=3)]
    assert sum(line.minutes for line in lines) == 45
    assert lines[-1].at == datetime(2026, 3, 6, 16, 0, tzinfo=UTC)


def test_nothing_goes_to_a_customer_at_night_also_in_a_rehearsal() -> None:
    lines = played(playbook(MAIL), scene(NIGHT))

    assert codes(lines) == ["started", "deferred", "sent", "completed"]
    (sent,) = [line for line in lines if line.code == "sent"]
    assert sent.at >= datetime(2026, 3, 3, 8, 0, tzinfo=UTC)


def test_a_recovery_in_the_midst_of_a_wait_ends_the_run() -> None:
    book = playbook(MAIL, WAIT, CALL, exits=(Exit("recovered", ("green",)),))
    later = MONDAY + timedelta(days=1)

    lines = played(book, scene(known=((MONDAY, RED), (later, GREEN))))

    assert codes(lines) == ["started", "sent", "waits", "recovered"]
    assert lines[-1].at == later


def test_an_event_wakes_what_waits_for_it_and_silence_times_out() -> None:
    wait = WaitStep("reply", event_types=("session.started",), timeout_days=5, on_timeout="call")
    book = playbook(wait, replace(MAIL, next="end"), CALL)
    came = MONDAY + timedelta(days=2)

    heard = played(book, scene(events=((came, "session.started"),)))
    silent = played(book, scene())

    assert [line.at for line in heard if line.code == "sent"] == [came]
    assert [line.at for line in silent if line.code == "task"] == [MONDAY + timedelta(days=5)]
    assert "sent" not in codes(silent)


def test_people_who_do_nothing_hold_a_run_up_and_let_gates_expire() -> None:
    gate = ApprovalStep("gate", about="mail", expires_hours=48, otherwise="reject", rejected="call")
    book = playbook(gate, replace(MAIL, next="end"), CALL)

    acting, silent = played(book, scene()), played(book, scene(), people="silent")

    assert "sent" in codes(acting)
    assert "task" not in codes(acting)
    assert codes(silent)[-1] == "standing"
    assert [line.at for line in silent if line.code == "task"] == [MONDAY + timedelta(hours=48)]


def test_a_branch_follows_the_facts_of_its_moment() -> None:
    branch = BranchStep("which", cases=(Case(Compare("band", "eq", ("green",)), "mail"),), otherwise="call")
    book = playbook(WAIT, branch, replace(MAIL, next="end"), CALL, trigger=BandTrigger(("red", "green")))
    better = scene(known=((MONDAY, RED), (MONDAY + timedelta(days=1), GREEN)))

    assert "sent" in codes(played(book, better))
    assert "task" in codes(played(book, scene()))


def test_a_second_occasion_is_declined_while_a_run_is_open_and_within_the_re_entry_time() -> None:
    twice = (Occasion("band_changed", MONDAY, "red"), Occasion("band_changed", MONDAY + timedelta(days=1), "red"))
    late = (*twice[:1], Occasion("band_changed", MONDAY + timedelta(days=6), "red"))
    book = playbook(WAIT, re_entry=ReEntry(days=7))

    assert "already_running" in codes(played(book, scene(occasions=twice)))
    assert "too_soon" in codes(played(book, scene(occasions=late)))
    assert codes(played(replace(book, re_entry=ReEntry(days=2)), scene(occasions=late))).count("started") == 2


def test_a_worse_tier_takes_over_and_what_the_milder_run_would_have_done_later_is_not_told() -> None:
    rows = (TierRow("late", "call", ("red",)), TierRow("early", "mail", ("yellow",)))
    early = (replace(MAIL, next="wait"), WAIT, replace(MAIL, id="remind", next="end"))
    book = playbook(*early, CALL, trigger=BandTrigger(("yellow", "red")), tiers=Tiers("", (), rows))
    fallen = MONDAY + timedelta(days=1)
    falls = (Occasion("band_changed", MONDAY, "yellow"), Occasion("band_changed", fallen, "red"))
    lines = played(book, scene(occasions=falls))

    assert codes(lines) == ["started", "sent", "waits", "escalated", "started", "task", "completed"]
    assert [line.at for line in lines if line.code in ("escalated", "started")] == [MONDAY, fallen, fallen]
    run = Underway(book, "remind", MONDAY, fallen + timedelta(days=1), "band_changed", "yellow", "early", begun="mail")
    stood = scene(occasions=falls[1:], before=Before(began=(MONDAY,), underway=run))
    assert codes(played(book, stood)) == ["escalated", "started", "task", "completed"]
    rises = (replace(falls[1], happened_at=MONDAY), replace(falls[0], happened_at=MONDAY + timedelta(hours=1)))
    assert codes(played(book, scene(occasions=rises))) == ["started", "task", "already_running", "completed"]


def test_a_run_of_a_version_without_tiers_is_not_begun_again_by_the_tier_that_it_began_as() -> None:
    rows = (TierRow("early", "mail", ("red", "yellow")),)
    early = (replace(MAIL, next="wait"), WAIT, replace(MAIL, id="remind", next="end"))
    book = playbook(*early, tiers=Tiers("", (), rows, "remind"))
    untiered = Underway(replace(book, tiers=None), "wait", MONDAY, MONDAY, "band_changed", "red", begun="mail")
    ended = Before(began=(MONDAY,), open_until=MONDAY + timedelta(days=9), open_begun="mail")
    worse = (Occasion("band_changed", MONDAY + timedelta(hours=1), "red"),)

    for before in (Before(began=(MONDAY,), underway=untiered), ended):
        lines = codes(played(book, scene(occasions=worse, before=before)))
        assert "already_running" in lines
        assert "escalated" not in lines


def test_whom_an_open_run_helps_a_worse_tier_does_not_hold_out() -> None:
    rows = (TierRow("late", "call", ("red",)), TierRow("early", "mail", ("yellow",)))
    early = (replace(MAIL, next="wait"), WAIT, replace(MAIL, id="remind", next="end"))
    before = playbook(*early, CALL, trigger=BandTrigger(("yellow", "red")), tiers=Tiers("", (), rows))
    book = replace(before, holdout=Holdout(0.5))
    run = Underway(before, "wait", MONDAY, MONDAY, "band_changed", "yellow", "early", begun="mail")
    falls = (Occasion("band_changed", MONDAY + timedelta(days=1), "red"),)

    for name in range(20):
        stood = scene(account=f"account-{name}", occasions=falls, before=Before(began=(MONDAY,), underway=run))
        assert codes(played(book, stood))[-4:] == ["escalated", "started", "task", "completed"]


def test_a_branch_on_what_came_of_a_task_is_played_as_if_it_had_helped_or_by_what_really_came_of_it() -> None:
    when = Compare("outcome.call", "eq", ("helped",))
    book = playbook(CALL, BranchStep("which", cases=(Case(when, "mail"),), otherwise="end"), MAIL)
    run = Underway(book, "which", MONDAY, MONDAY, "band_changed", "red", outcomes={"call": "false_alarm"})

    assert codes(played(book, scene())) == ["started", "task", "passed", "sent", "completed"]
    told = scene(occasions=(), before=Before(began=(MONDAY,), underway=run))
    assert codes(rehearse(book, told, MONDAY + timedelta(days=3), Policy(), Assumed())) == ["passed", "completed"]


def test_who_is_held_out_gets_nothing() -> None:
    half = playbook(MAIL, holdout=Holdout(0.5))
    outcomes = [codes(played(half, scene(account=f"account-{n}")))[0] for n in range(200)]

    assert 70 < outcomes.count("holdout") < 130
    assert set(outcomes) == {"holdout", "started"}


def test_what_lies_beyond_the_span_is_not_told() -> None:
    lines = played(playbook(MAIL, WAIT, CALL), scene(), days=2)

    assert codes(lines) == ["started", "sent", "waits", "standing"]
    assert all(line.at <= MONDAY + timedelta(days=2) for line in lines)


def test_the_same_scene_is_played_the_same_way_every_time() -> None:
    book = playbook(MAIL, WAIT, replace(MAIL, id="again"), CALL)

    assert len({played(book, scene(NIGHT)) for _ in range(5)}) == 1
