"""The arbiter: whether a message goes out now, later or not at all, whichever playbook asks; one law for all of them.

It looks at no clock, draws no random number and asks nobody: what stands against a message is an argument. What it
puts off is dealt out over time by the request's own key, so that the same question gets the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from milepost_core.arbiter.asking import (
    RIVALS_AHEAD,
    Allow,
    Defer,
    Objection,
    Refuse,
    Refused,
    Request,
    Rival,
    Standing,
    Touched,
    Verdict,
)
from milepost_core.arbiter.hours import place_of
from milepost_core.arbiter.policy import Cap, Policy
from milepost_core.playbooks.document import TO_PERSONS

OF_HOURS: Final = frozenset({"quiet_hours", "holiday", "day_off"})
"""The words by which messages wait for somebody's hours."""
OF_TROUBLE: Final = frozenset({"escalated", "call_booked"})
"""The words by which messages wait for what is the matter at an account."""
OF_POLICY: Final = (
    OF_HOURS
    | OF_TROUBLE
    | {f"{word}_{of}" for word in ("cap", "after_others") for of in ("person", "account", "colleague")}
)
"""The words by which messages wait for what the policy says."""
# Objections that even an owed message respects, and how each is said.
_BINDING: Final = frozenset({"legal_hold", "bounced"})
_WORDS: Final = {
    "opt_out": "the recipient has opted out",
    "legal_hold": "a legal hold forbids it",
    "hands_off": "hands off",
    "bounced": "mail to this address comes back",
    "complained": "the recipient has complained about our mail",
}


@dataclass(frozen=True)
class _Obstacle:
    """What stands in the way: until when, and by which word it is given up when that is too late.

    `open_end`: nobody can say when it goes; `until` is when it is looked at again.
    """

    until: datetime
    code: str
    sentence: str
    given_up: Refused
    open_end: bool = False


def arbitrate_all(asked: Sequence[tuple[Request, Standing]], policy: Policy, now: datetime) -> list[Verdict]:
    """Answer requests that arrive together, in their order, as if each had asked after the ones before it.

    Those that go use up what the others count, and those that are soon due keep their place before the others.
    """
    verdicts: list[Verdict] = [Allow()] * len(asked)
    went: list[tuple[str, Touched]] = []
    waits: list[tuple[str, Rival]] = []
    for place in sorted(range(len(asked)), key=lambda one: asked[one][0].place):
        request, standing = asked[place]
        touches = tuple(one for account, one in went if account == request.account or one.person == request.person)
        rivals = tuple(one for account, one in waits if account == request.account)
        standing = replace(standing, touches=standing.touches + touches, rivals=standing.rivals + rivals)
        verdicts[place] = verdict = arbitrate(request, standing, policy, now)
        if not _is_counted(request):
            continue
        if isinstance(verdict, Allow):
            went.append((request.account, Touched(request.person, now, request.channel, request.colleague)))
        elif isinstance(verdict, Defer) and verdict.until <= now + RIVALS_AHEAD:
            rival = Rival(request.person, request.channel, request.priority, request.colleague)
            waits.append((request.account, rival))
    return verdicts


def arbitrate(request: Request, standing: Standing, policy: Policy, now: datetime) -> Verdict:
    """Say whether one message goes out now; the first thing that stands in its way is the answer.

    What would have to wait longer than the policy's `wait_days` since it was first asked for is given up.
    """
    refusal = _forbidden(request, standing)
    if refusal is not None:
        return refusal
    if request.transactional or request.channel not in TO_PERSONS:
        return Allow()
    obstacle = (
        _told_to_wait(request, standing)
        or _trouble(request, standing, policy, now)
        or _closed(standing, now)
        or _capped(request, standing, policy, now)
    )
    if obstacle is None:
        return Allow()
    return _put_off(obstacle, request, standing, policy, now)


def objections_now(request: Request, standing: Standing, policy: Policy, now: datetime) -> list[Verdict]:
    """Return everything that stands against a message now, and not only the first thing."""
    found: list[Verdict] = []
    refusal = _forbidden(request, standing)
    if refusal is not None:
        found.append(refusal)
    if request.transactional or request.channel not in TO_PERSONS:
        return found
    obstacles = (
        _told_to_wait(request, standing), _trouble(request, standing, policy, now), _closed(standing, now),
        _capped(request, standing, policy, now),
    )  # fmt: skip
    return found + [Defer(max(one.until, now), one.code, one.sentence) for one in obstacles if one is not None]


def _put_off(obstacle: _Obstacle, request: Request, standing: Standing, policy: Policy, now: datetime) -> Verdict:
    """Say when it asks again, or that there is no such time: in other words where the obstacle goes before that."""
    latest = request.asked_at + timedelta(days=policy.wait_days)
    # Of what may go any time nobody says that it lasts: it is looked at once more when the wait is over.
    over = max(min(obstacle.until, latest) if obstacle.open_end and now < latest else obstacle.until, now)
    may_wait = f"the {policy.wait_days:g} days that a message may wait"
    # Looked at first: of a moment beyond all calendars nobody can say when the next window opens.
    if over > latest:
        return Refuse(obstacle.given_up, obstacle.code, f"{obstacle.sentence}; that lasts beyond {may_wait}")
    until = _dealt_out(request, standing, policy, over, latest)
    if until is not None:
        return Defer(until, obstacle.code, obstacle.sentence)
    if obstacle.open_end:
        return Defer(over, obstacle.code, obstacle.sentence)
    closed = f"{obstacle.sentence}; once that is over, the recipient's hours open only beyond {may_wait}"
    return Refuse("skipped", "quiet_hours", closed)


def _is_counted(request: Request) -> bool:
    return not request.transactional and request.channel in TO_PERSONS


def _forbidden(request: Request, standing: Standing) -> Refuse | None:
    """What no waiting helps against. What is said of an account is said of its customers, not of colleagues."""
    for one in standing.objections:
        if request.transactional and one.kind not in _BINDING:
            continue
        outside = request.channel not in TO_PERSONS
        if (outside and one.kind != "legal_hold") or (request.colleague and not one.of_person):
            continue
        if one.kind == "hands_off" and one.until is not None:
            continue
        return Refuse("suppressed", one.kind, _said(one))
    if standing.holdout and not request.transactional:
        return Refuse(
            "suppressed", "holdout", "the account is in the group that this playbook leaves alone, to compare"
        )
    return None


def _said(one: Objection) -> str:
    end = f" until {one.until:%Y-%m-%d %H:%M} UTC" if one.until else ""
    about = "" if one.of_person else " (said of the whole account)"
    return f"{_WORDS.get(one.kind, one.kind)}{end}{about}" + (f": {one.reason}" if one.reason else "")


def _told_to_wait(request: Request, standing: Standing) -> _Obstacle | None:
    waits = [
        one
        for one in standing.objections
        if one.kind == "hands_off" and one.until is not None and (one.of_person or not request.colleague)
    ]
    if waits:
        longest = max(waits, key=lambda one: one.until or request.asked_at)
        assert longest.until is not None, "those without an end are refused before"
        return _Obstacle(longest.until, "hands_off", _said(longest), "suppressed")
    if request.colleague and standing.away_until is not None:
        back = f"the recipient is away until {standing.away_until:%Y-%m-%d %H:%M} UTC and nobody stands in"
        return _Obstacle(standing.away_until, "away", back, "skipped")
    return None


def _trouble(request: Request, standing: Standing, policy: Policy, now: datetime) -> _Obstacle | None:
    """An automatic message into an open escalation, or just before a call, does harm; colleagues may hear of both."""
    if request.colleague:
        return None
    if policy.stop_on_escalation and standing.escalated:
        again = now + timedelta(hours=policy.look_again_hours)
        return _Obstacle(again, "escalated", "an escalation of the account is open", "suppressed", open_end=True)
    call = standing.call_at
    if policy.stop_on_call and call is not None and call <= now + timedelta(days=policy.call_days):
        over = call + timedelta(hours=policy.after_call_hours)
        if over > now:
            return _Obstacle(over, "call_booked", f"a call is booked for {call:%Y-%m-%d %H:%M} UTC", "suppressed")
    return None


def _closed(standing: Standing, now: datetime) -> _Obstacle | None:
    if standing.hours is None:
        return None
    window = standing.hours.window(now)
    if window is None:
        return _Obstacle(now + timedelta(days=3_650), "quiet_hours", "the recipient's region never opens", "skipped")
    if window.begins <= now:
        return None
    calendar = standing.hours.calendar
    local, begins = now.astimezone(calendar.zone), window.begins.astimezone(calendar.zone)
    if local.date() in calendar.holidays:
        because, code = "a holiday", "holiday"
    elif local.weekday() not in calendar.workdays:
        because, code = f"{local:%A}", "day_off"
    else:
        because, code = f"{local:%H:%M}", "quiet_hours"
    sentence = f"it is {because} where the recipient lives ({place_of(calendar)}); next from {begins:%a %H:%M} there"
    return _Obstacle(window.begins, code, sentence, "skipped")


def _capped(request: Request, standing: Standing, policy: Policy, now: datetime) -> _Obstacle | None:
    """The cap that frees latest. Places that a waiting message of higher priority needs are left to it."""
    found = [one for cap in policy.caps if (one := _full(cap, request, standing, policy, now)) is not None]
    return max(found, key=lambda one: one.until, default=None)


def _full(cap: Cap, request: Request, standing: Standing, policy: Policy, now: datetime) -> _Obstacle | None:
    if (cap.of == "colleague") is not request.colleague or (cap.channels and request.channel not in cap.channels):
        return None
    span = timedelta(days=cap.days)
    used = sorted(one.at for one in standing.touches if _falls_under(cap, request, one) and one.at > now - span)
    before = [one for one in standing.rivals if _falls_under(cap, request, one) and one.priority > request.priority]
    if len(used) + len(before) < cap.most:
        return None
    days = f"{cap.days:g} day{'' if cap.days == 1 else 's'}"
    whom = {"person": "this person", "account": "this account", "colleague": "this colleague"}[cap.of]
    limit = f"{cap.most} message{'' if cap.most == 1 else 's'} to {whom} within {days}"
    if len(used) < cap.most:
        again = now + timedelta(hours=policy.look_again_hours)
        first = f"{limit}: others of higher priority go first"
        return _Obstacle(again, f"after_others_{cap.of}", first, "capped", open_end=True)
    # It has room again once so many of the oldest are older than the span that one place is free.
    until = used[len(used) - cap.most] + span if cap.most else now + timedelta(days=3_650)
    return _Obstacle(until, f"cap_{cap.of}", f"there is a cap of {limit}, and it is used up", "capped")


def _falls_under(cap: Cap, request: Request, other: Touched | Rival) -> bool:
    # What goes to machines takes nobody's attention, so it waits for no place of theirs either.
    if other.channel not in (cap.channels or TO_PERSONS):
        return False
    return not other.colleague if cap.of == "account" else other.person == request.person


def _dealt_out(
    request: Request, standing: Standing, policy: Policy, moment: datetime, latest: datetime
) -> datetime | None:
    """Return a moment of the request's own, within the spread, not before `moment`, and inside the open hours.

    Where less than the spread is left until `latest`, it is dealt out over that. None: nothing is open until then.
    """
    spread = timedelta(minutes=policy.spread_minutes)
    share = int.from_bytes(request.key[:8]) / 2**64
    if standing.hours is None:
        return moment + min(spread, latest - moment) * share
    until = standing.hours.after(moment, share, standing.hours.open_time(moment, latest, spread))
    return until if until is not None and until <= latest else None
