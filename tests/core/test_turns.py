"""Claims about turns: a lower message takes no place that a higher one is soon due for, in one batch as across them."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_core.arbiter import (
    RIVALS_AHEAD,
    Allow,
    Cap,
    Defer,
    Hours,
    Objection,
    Policy,
    Refuse,
    Request,
    Rival,
    Standing,
    Touched,
    Verdict,
    arbitrate,
    arbitrate_all,
)
from milepost_core.playbooks.document import TO_PERSONS
from milepost_core.schedules import Calendar

NOW = datetime(2026, 6, 10, 11, 0, tzinfo=UTC)
OPEN = Standing(hours=None)
ONE_A_WEEK = Policy(caps=(Cap("account", 1, 7.0),))
PEOPLE = ("ana", "ben", "kim")


def request(number: int = 0, **parts: Any) -> Request:
    key = hashlib.sha256(str(number).encode()).digest()
    told = {"account": "a", "person": f"p{number}", "channel": "email", "asked_at": NOW} | parts
    return Request(key=key, **told)


def hands_off(hours: float) -> Standing:
    return replace(OPEN, objections=(Objection("hands_off", True, until=NOW + timedelta(hours=hours)),))


def code(verdict: Verdict) -> str:
    return "allow" if isinstance(verdict, Allow) else verdict.code


def one_by_one(asked: list[tuple[Request, Standing]], policy: Policy, now: datetime) -> list[Verdict]:
    """Ask in the order of priority, each with what its account and person have seen of those before."""
    answers: dict[bytes, Verdict] = {}
    went: list[tuple[Request, Touched]] = []
    waits: list[tuple[Request, datetime]] = []
    for one, standing in sorted(asked, key=lambda pair: pair[0].place):
        touches = [touched for who, touched in went if who.account == one.account or who.person == one.person]
        rivals = [
            Rival(who.person, who.channel, who.priority, who.colleague)
            for who, until in waits
            if who.account == one.account and not who.transactional and who.priority > one.priority
            and until <= now + RIVALS_AHEAD
        ]  # fmt: skip
        known = replace(standing, touches=(*standing.touches, *touches), rivals=(*standing.rivals, *rivals))
        answers[one.key] = verdict = arbitrate(one, known, policy, now)
        if isinstance(verdict, Allow) and one.channel in TO_PERSONS and not one.transactional:
            went.append((one, Touched(one.person, now, one.channel, one.colleague)))
        elif isinstance(verdict, Defer):
            waits.append((one, verdict.until))
    return [answers[one.key] for one, _ in asked]


CAPS = st.lists(
    st.builds(
        Cap,
        st.sampled_from(["account", "account", "person", "colleague"]),
        st.integers(0, 2),
        st.sampled_from([1.0, 7.0]),
        st.sampled_from([(), (), (), ("email",), ("slack", "in_app")]),
    ),
    min_size=1,
    max_size=2,
)
REQUESTS = st.builds(
    dict,
    account=st.sampled_from(["a", "a", "a", "b"]),
    person=st.sampled_from(PEOPLE),
    channel=st.sampled_from(["email", "email", "email", "in_app", "slack", "webhook"]),
    priority=st.sampled_from([10, 50, 50, 90]),
    asked_at=st.sampled_from([0.0, 1.0, 6.5]).map(lambda days: NOW - timedelta(days=days)),
    transactional=st.sampled_from([False] * 6 + [True]),
    colleague=st.sampled_from([False] * 3 + [True]),
)
STANDINGS = st.builds(
    Standing,
    hours=st.sampled_from([None, "UTC", "Asia/Tokyo", "America/Los_Angeles"]).map(
        lambda zone: zone and Hours(Calendar(ZoneInfo(zone)), time(9), time(17))
    ),
    objections=st.sampled_from([(), (), 3.0, 30.0, 400.0]).map(lambda one: hands_off(one).objections if one else ()),
    escalated=st.sampled_from([False, False, False, True]),
)


@settings(max_examples=400, deadline=None)
@given(caps=CAPS, told=st.lists(st.tuples(REQUESTS, STANDINGS), min_size=2, max_size=9))
def test_one_batch_is_answered_as_if_each_had_asked_after_the_ones_before_it(
    caps: list[Cap], told: list[tuple[dict[str, Any], Standing]]
) -> None:
    policy = Policy(caps=tuple(caps))
    asked = [(request(number, **parts), standing) for number, (parts, standing) in enumerate(told)]

    assert arbitrate_all(asked, policy, NOW) == one_by_one(asked, policy, NOW)


def test_in_one_batch_a_higher_message_that_is_soon_due_keeps_its_place() -> None:
    low = (request(1, priority=10), OPEN)
    for hours, expected in ((3, ["hands_off", "after_others_account"]), (30, ["hands_off", "allow"])):
        high = (request(2, priority=90), hands_off(hours))
        assert [code(one) for one in arbitrate_all([high, low], ONE_A_WEEK, NOW)] == expected


def test_what_waits_for_a_machine_or_is_owed_keeps_nobodys_place() -> None:
    hook = replace(OPEN, rivals=(Rival("https://hooks.example", "webhook", 90),))
    assert isinstance(arbitrate(request(1, priority=10), hook, ONE_A_WEEK, NOW), Allow)

    owed = (request(2, priority=90, transactional=True), replace(OPEN, hours=None))
    assert [code(one) for one in arbitrate_all([owed, (request(1), OPEN)], ONE_A_WEEK, NOW)] == ["allow", "allow"]


@dataclass
class Account:
    """The messages of one account over weeks: who asks when, what went out, was soon due, and was given up."""

    policy: Policy
    due: list[tuple[datetime, Request, Standing]]
    sent: list[tuple[Request, Touched]] = field(default_factory=list)
    soon: list[tuple[Request, datetime, datetime]] = field(default_factory=list)
    capped: list[tuple[Request, datetime, Refuse]] = field(default_factory=list)

    def play(self) -> None:
        """Ask as the engine does: whatever is due at one moment together, each again when it was told to."""
        for _ in range(3_000):
            if not self.due:
                return
            now = min(at for at, _, _ in self.due)
            batch = [one for one in self.due if one[0] == now]
            self.due = [one for one in self.due if one[0] != now]
            known = [(one, self._standing(one, standing, now)) for _, one, standing in batch]
            for (one, _), (_, _, bare), verdict in zip(
                known, batch, arbitrate_all(known, self.policy, now), strict=True
            ):
                if isinstance(verdict, Defer):
                    assert verdict.until > now
                    self.due.append((verdict.until, one, bare))
                    self.soon.append((one, max(now, verdict.until - RIVALS_AHEAD), verdict.until))
                elif isinstance(verdict, Allow):
                    self.sent.append((one, Touched(one.person, now, one.channel)))
                elif verdict.outcome == "capped":
                    self.capped.append((one, now, verdict))
        raise AssertionError("it never comes to an end")

    def _standing(self, one: Request, bare: Standing, now: datetime) -> Standing:
        waiting = tuple(
            Rival(other.person, other.channel, other.priority)
            for at, other, _ in self.due
            if other.priority > one.priority and other.asked_at <= now and at <= now + RIVALS_AHEAD
        )
        objections = tuple(word for word in bare.objections if word.until is not None and word.until > now)
        return replace(bare, objections=objections, touches=tuple(touched for _, touched in self.sent), rivals=waiting)


@settings(max_examples=200, deadline=None)
@given(
    most=st.integers(1, 2),
    days=st.sampled_from([1.0, 7.0]),
    told=st.lists(
        st.tuples(
            st.sampled_from([0, 0, 0, 2, 20, 60, 150]),
            st.sampled_from([10, 50, 90]),
            st.sampled_from(PEOPLE),
            STANDINGS,
        ),
        min_size=1,
        max_size=10,
    ),
)
def test_whoever_is_capped_for_good_saw_no_lower_message_go_while_it_was_soon_due_or_might_still_wait(
    most: int, days: float, told: list[tuple[int, int, str, Standing]]
) -> None:
    policy = Policy(caps=(Cap("account", most, days),), stop_on_escalation=False)
    due = []
    for number, (hour, rank, person, standing) in enumerate(told):
        at = NOW + timedelta(hours=hour)
        due.append((at, request(number, person=person, priority=rank, asked_at=at), standing))
    account = Account(policy, due)
    account.play()

    for high, gave_up, verdict in account.capped:
        latest = high.asked_at + timedelta(days=policy.wait_days)
        assert "lasts beyond" in verdict.sentence
        lower = [touched.at for low, touched in account.sent if low.priority < high.priority]
        assert not [at for at in lower if gave_up < at < latest]
        # With more places than one, a lower message may have had one that nobody else wanted then.
        spans = [(since, until) for one, since, until in account.soon if one == high and most == 1]
        assert not [at for at in lower for since, until in spans if since <= at < until]


@settings(max_examples=300, deadline=None)
@given(
    waited=st.floats(0, 7),
    ago=st.lists(st.floats(0, 7), min_size=1, max_size=4),
    cap=st.builds(Cap, st.just("person"), st.integers(0, 3), st.sampled_from([1.0, 7.0])),
    standing=STANDINGS,
    number=st.integers(0, 10**6),
)
def test_it_is_capped_for_good_only_where_the_cap_is_still_used_up_when_the_wait_is_over(
    waited: float, ago: list[float], cap: Cap, standing: Standing, number: int
) -> None:
    policy = Policy(caps=(cap,), stop_on_escalation=False)
    one = request(number, person="ana", asked_at=NOW - timedelta(days=waited))
    touches = tuple(Touched("ana", NOW - timedelta(days=days), "email") for days in ago)
    latest = one.asked_at + timedelta(days=policy.wait_days)
    verdict = arbitrate(one, replace(standing, touches=touches), policy, NOW)
    left = sum(touched.at > latest - timedelta(days=cap.days) for touched in touches)

    if isinstance(verdict, Refuse) and verdict.outcome == "capped":
        assert left >= cap.most
    if isinstance(verdict, Defer):
        assert NOW <= verdict.until <= latest


def test_who_goes_after_others_is_looked_at_once_more_when_its_wait_is_over() -> None:
    behind = replace(OPEN, rivals=(Rival("ben", "email", 90),))
    one = request(1, priority=10, asked_at=NOW - timedelta(days=6.9))
    latest = one.asked_at + timedelta(days=7)
    soon = arbitrate(one, behind, ONE_A_WEEK, NOW)
    last = arbitrate(one, behind, ONE_A_WEEK, latest)

    assert isinstance(soon, Defer)
    assert (soon.code, soon.until) == ("after_others_account", latest)
    assert (code(last), isinstance(last, Refuse)) == ("after_others_account", True)
    assert isinstance(arbitrate(one, OPEN, ONE_A_WEEK, latest), Allow)


def test_what_is_put_off_to_the_end_of_its_wait_is_spread_over_what_is_left() -> None:
    freed = timedelta(minutes=30)
    touched = Touched("ana", NOW - timedelta(days=7) + timedelta(days=1), "email")
    policy = Policy(caps=(Cap("person", 1, 7.0),), spread_minutes=120)
    asked_at = NOW - timedelta(days=6) + freed
    home = Standing(hours=Hours(Calendar(ZoneInfo("UTC")), time(8), time(18)), touches=(touched,))
    for standing in (home, replace(home, hours=None)):
        untils = [
            verdict.until
            for number in range(3_000)
            if isinstance(
                verdict := arbitrate(request(number, person="ana", asked_at=asked_at), standing, policy, NOW), Defer
            )
        ]
        minutes = [int((until - NOW - timedelta(days=1)).total_seconds() // 60) for until in untils]

        assert len(untils) == 3_000
        assert (min(minutes), max(minutes)) == (0, 29)
        assert max(minutes.count(one) for one in range(30)) < 160


def test_it_is_not_the_cap_that_is_blamed_where_it_goes_in_time_and_the_hours_do_not() -> None:
    friday = datetime(2026, 6, 12, 12, 0, tzinfo=UTC)
    used = Touched("ana", friday - timedelta(days=6.5), "email")
    home = Standing(hours=Hours(Calendar(ZoneInfo("UTC")), time(8), time(18)), touches=(used,))
    one = request(1, person="ana", asked_at=friday - timedelta(days=6))
    verdict = arbitrate(one, home, Policy(caps=(Cap("person", 1, 7.0),)), friday)

    assert isinstance(verdict, Refuse)
    assert (verdict.outcome, verdict.code) == ("skipped", "quiet_hours")
    assert verdict.sentence.endswith("the recipient's hours open only beyond the 7 days that a message may wait")
