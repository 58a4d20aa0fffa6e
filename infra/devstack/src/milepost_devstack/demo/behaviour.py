"""What each customer did, day by day, as facts with their own time; it sends nothing."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from milepost_devstack.demo.company import SEED, Customer, Story
from milepost_devstack.demo.diary import Diary, Fact

MILESTONES = {"kickoff": 3, "sso": 14, "data_import": 21, "first_report": 30, "team_trained": 45, "rollout": 75}
FEATURES = ("reports", "dashboards", "imports", "alerts", "sharing", "api", "exports", "comments")
TASKS = (
    "Name an administrator",
    "Connect single sign-on",
    "Upload last year's data",
    "Invite the team",
    "Plan rollout",
)
_SHARE_ACTIVE = {
    Story.THRIVING: 0.75,
    Story.STEADY: 0.55,
    Story.SLIPPING: 0.35,
    Story.STRUGGLING: 0.025,
    Story.SPARSE: 0.0,
    Story.NEWCOMER: 0.4,
    Story.STALLED: 0.25,
    Story.SPONSOR_LOST: 0.7,
    Story.TICKET_STORM: 0.2,
    Story.LATE_PAYER: 0.2,
    Story.RECOVERED: 0.6,
}
_MOST_A_DAY = 9


def history(customer: Customer, today: date) -> list[Fact]:
    """Return all that happened before yesterday, in the order of time."""
    diary = Diary(customer, today, random.Random(SEED + customer.number))
    _sign(diary)
    _people(diary)
    _plan(diary)
    _usage(diary)
    _meetings(diary)
    _tickets(diary)
    _money(diary)
    if customer.story is Story.RECOVERED:
        _rescue(diary)
    # The newest customers signed yesterday; of everybody else the last two days are quiet, as history is late by then.
    limit = diary.moment(customer.days - 2 if customer.days > 2 else customer.days)
    return sorted((fact for fact in diary.facts if fact.at < limit), key=lambda fact: fact.at)


def news(customer: Customer, now: datetime) -> list[Fact]:
    """Return what happened within the last hours at the two accounts whose day is bad; it starts real outreach."""
    diary = Diary(customer, now.date(), random.Random(SEED - customer.number))
    match customer.story:
        case Story.TICKET_STORM:
            for number in range(9):
                _ticket(diary, now - timedelta(minutes=50 - 5 * number), 900 + number, "URGENT", None)
            # Whatever weekday it is: tickets alone leave an account that is well just above the line on some.
            diary.event(now - timedelta(minutes=4), "survey.answered", value=0, item="pulse")
        case Story.SPONSOR_LOST:
            diary.change(now - timedelta(minutes=20), "sponsor_status", "left")
        case _:
            pass
    return diary.facts


def _sign(diary: Diary) -> None:
    customer, at = diary.customer, diary.moment(0.35)
    diary.crm(at, "company.creation", customer.number, changeFlag="CREATED")
    told = {
        "name": customer.name,
        "domain": customer.domain,
        "plan": customer.plan,
        "segment": customer.plan,
        "seats": customer.seats,
        "contract_value": customer.contract_value,
        "hubspot_owner_id": customer.owner,
        "onboarding_start_date": at.isoformat(),
    }
    for offset, (name, value) in enumerate(told.items()):
        diary.change(at + timedelta(milliseconds=400 * (offset + 1)), name, value)


def _people(diary: Diary) -> None:
    for offset, role in enumerate(("sponsor", "admin", "analyst")):
        number = diary.customer.number * 10 + offset
        at = diary.moment(0.4 + 0.01 * offset)
        diary.crm(at, "contact.creation", number, changeFlag="CREATED")
        diary.crm(
            at + timedelta(milliseconds=300),
            "contact.associationChange",
            number,
            associationType="CONTACT_TO_COMPANY",
            fromObjectId=number,
            toObjectId=diary.customer.number,
            associationRemoved=False,
            isPrimaryAssociation=True,
        )
        diary.crm(
            at + timedelta(milliseconds=700),
            "contact.propertyChange",
            number,
            propertyName="onboarding_role",
            propertyValue=role,
        )


def _lateness(diary: Diary, milestone: str) -> float | None:
    """Return by how many days a milestone slips, None for one that is not reached."""
    story, dice = diary.customer.story, diary.dice
    if story is Story.STALLED and milestone not in ("kickoff", "sso"):
        return None
    if story is Story.RECOVERED and milestone in ("data_import", "first_report", "team_trained"):
        return {"data_import": 33.0, "first_report": 27.0, "team_trained": 14.0}[milestone]
    match story:
        case Story.STRUGGLING:
            return dice.uniform(8, 25) if dice.random() < 0.2 else None
        case Story.SLIPPING | Story.LATE_PAYER | Story.TICKET_STORM:
            early = milestone in ("kickoff", "sso")
            return dice.uniform(2, 9) if early or dice.random() < 0.75 else None
        case Story.SPARSE:
            return dice.uniform(0, 4) if milestone == "kickoff" else None
        case _:
            return dice.uniform(-3, 2)


def _plan(diary: Diary) -> None:
    for milestone, target in MILESTONES.items():
        late = _lateness(diary, milestone)
        if late is not None:
            diary.change(diary.moment(max(1, target + late) + 0.4), "onboarding_milestone", milestone)
    if diary.customer.story is Story.SPARSE:
        return
    for offset, label in enumerate(TASKS):
        item, opened = f"task-{offset + 1}", 1.4 + 7 * offset
        due = diary.moment(opened + 12)
        diary.event(
            diary.moment(opened), "task.created", item=item, properties={"label": label, "due_at": due.isoformat()}
        )
        late = _lateness(diary, "task")
        if late is not None:
            diary.event(diary.moment(opened + max(1.0, 10 + late)), "task.completed", item=item)


def _usage(diary: Diary) -> None:
    customer, dice = diary.customer, diary.dice
    for day in range(3, customer.days):
        if diary.moment(day).weekday() >= 5:
            continue
        share = _SHARE_ACTIVE[customer.story] * _season(customer, day)
        people = min(_MOST_A_DAY, sum(dice.random() < share for _ in range(min(customer.seats, 14))))
        for actor in dice.sample(range(max(people, _circle(customer, day))), k=people):
            role = ("sponsor", "admin", "analyst")[actor] if actor < 3 and dice.random() < 0.7 else None
            feature = FEATURES[min(len(FEATURES) - 1, int(dice.expovariate(0.5)))]
            at = diary.moment(day + diary.hour())
            kind, item = ("feature.used", feature) if dice.random() < 0.75 else ("session.started", None)
            diary.event(at, kind, actor=f"user-{actor + 1}", role=role, item=item)


def _circle(customer: Customer, day: int) -> int:
    """Return from how many different people a day's users come."""
    everybody = min(customer.seats, 40)
    match customer.story:
        case Story.STRUGGLING:
            return 2
        case Story.STALLED | Story.SLIPPING if day > 0.6 * customer.days:
            return max(3, everybody // 6)
        case Story.LATE_PAYER:
            return max(3, everybody // 3)
        case _:
            return everybody


def _season(customer: Customer, day: int) -> float:
    """Return how lively a day is: people arrive in the first weeks, and some stories turn."""
    arrived = min(1.0, 0.3 + day / 30)
    match customer.story:
        case Story.SLIPPING:
            return arrived * max(0.15, 1 - max(0, day - 0.55 * customer.days) / 25)
        case Story.STALLED:
            return arrived * (1.0 if day < 30 else 0.15)
        case Story.RECOVERED:
            return arrived * (0.04 if 22 <= day < 54 else 1.15)
        case _:
            return arrived


def _meetings(diary: Diary) -> None:
    story, dice = diary.customer.story, diary.dice
    if story is Story.SPARSE:
        return
    chance = {
        Story.STRUGGLING: 0.1,
        Story.SLIPPING: 0.65,
        Story.STALLED: 0.4,
        Story.TICKET_STORM: 0.75,
        Story.LATE_PAYER: 0.6,
    }.get(story, 0.93)
    for number, day in enumerate(_every(diary, 9, 2)):
        came = dice.random() < (0.3 if story is Story.RECOVERED and 25 <= day < 60 else chance)
        at = diary.moment(day + diary.hour())
        role = "sponsor" if number % 2 == 0 and came else None
        diary.event(at, "meeting.attended" if came else "meeting.missed", item=f"call-{number + 1}", role=role)
    if story is not Story.NEWCOMER:
        mood = {
            Story.THRIVING: 9,
            Story.STRUGGLING: 3,
            Story.SLIPPING: 5,
            Story.STALLED: 3,
            Story.TICKET_STORM: 6,
            Story.LATE_PAYER: 5,
        }
        for day in _every(diary, 30, 28):
            answer = min(10, max(0, mood.get(story, 8) + dice.randint(-1, 1)))
            diary.event(diary.moment(day + diary.hour()), "survey.answered", value=answer, item="pulse")


def _tickets(diary: Diary) -> None:
    story, dice = diary.customer.story, diary.dice
    if story is Story.SPARSE:
        return
    gap = {Story.STRUGGLING: 6, Story.STALLED: 9, Story.SLIPPING: 12}.get(story, 19)
    for number, day in enumerate(_every(diary, gap, 6)):
        slow = story in (Story.STRUGGLING, Story.STALLED) and dice.random() < 0.5
        left = slow and day > diary.customer.days - 40
        hours = None if left else dice.uniform(60, 300) if slow else dice.uniform(2, 30)
        priority = dice.choices(("LOW", "MEDIUM", "HIGH"), weights=(5, 4, 9 if slow else 1))[0]
        _ticket(diary, diary.moment(day + diary.hour()), number, priority, hours)


def _ticket(diary: Diary, at: datetime, number: int, priority: str, hours: float | None) -> None:
    ticket = diary.customer.number * 1000 + number
    diary.crm(at, "ticket.creation", ticket, changeFlag="CREATED")
    diary.crm(
        at + timedelta(milliseconds=200),
        "ticket.associationChange",
        ticket,
        associationType="TICKET_TO_COMPANY",
        fromObjectId=ticket,
        toObjectId=diary.customer.number,
        associationRemoved=False,
        isPrimaryAssociation=True,
    )
    diary.crm(
        at + timedelta(milliseconds=500),
        "ticket.propertyChange",
        ticket,
        propertyName="hs_ticket_priority",
        propertyValue=priority,
    )
    if hours is not None:
        closed = at + timedelta(hours=hours)
        diary.crm(closed, "ticket.propertyChange", ticket, propertyName="hs_pipeline_stage", propertyValue="4")


def _money(diary: Diary) -> None:
    if diary.customer.story is Story.SPARSE:
        return
    story = diary.customer.story
    behind = 0 if story is Story.LATE_PAYER else 2 if story is Story.STRUGGLING else 99
    for number, day in enumerate(_every(diary, 30, 1)):
        item, due = f"invoice-{number + 1}", diary.moment(day + 14)
        diary.event(diary.moment(day + 0.3), "invoice.issued", item=item, properties={"due_at": due.isoformat()})
        if number >= behind:
            diary.event(due + timedelta(days=1), "invoice.overdue", item=item, properties={"due_at": due.isoformat()})
        else:
            diary.event(diary.moment(day + diary.dice.uniform(4, 13)), "invoice.paid", item=item)
        if story is Story.STRUGGLING:
            diary.event(diary.moment(day + 14.5), "invoice.failed", item=item)


def _rescue(diary: Diary) -> None:
    """The playbook's touches and what followed them: a nudge, an answer, a call, and then the plan moves again."""
    for number, day in enumerate((29, 33, 38)):
        _ticket(diary, diary.moment(day + 0.4), 700 + number, "HIGH", hours=24 * (54 - day))
    playbook = {"playbook": "nudge-owner-on-drop"}
    diary.event(diary.moment(50.4), "message.sent", item="nudge", role="owner", properties=playbook)
    diary.event(diary.moment(51.5), "message.replied", item="nudge", role="sponsor")
    diary.event(diary.moment(52.6), "meeting.attended", item="rescue-call", role="sponsor")
    diary.event(diary.moment(53.4), "task.completed", item="task-3")


def _every(diary: Diary, gap: int, first: int) -> Iterator[int]:
    return iter(range(first, diary.customer.days, gap))
