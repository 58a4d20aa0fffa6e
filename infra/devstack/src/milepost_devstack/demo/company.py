"""Who the demo's customers are: sixty accounts, the same ones every time; it knows nothing of what they did."""

import random
from dataclasses import dataclass
from enum import StrEnum

PORTAL = 4_711_042
APP = 39_522_895
SEED = 20_260_401
HISTORY_DAYS = 120


class Story(StrEnum):
    """How an account's onboarding goes."""

    THRIVING = "thriving"
    STEADY = "steady"
    SLIPPING = "slipping"
    STRUGGLING = "struggling"
    SPARSE = "sparse"
    NEWCOMER = "newcomer"
    STALLED = "stalled at a milestone"
    SPONSOR_LOST = "lost its sponsor"
    TICKET_STORM = "ticket storm"
    LATE_PAYER = "late payer"
    RECOVERED = "recovered by a playbook"


@dataclass(frozen=True)
class Customer:
    """One account: its number at HubSpot, what it bought, who looks after it, how many days ago it started."""

    number: int
    name: str
    domain: str
    plan: str
    seats: int
    contract_value: int
    owner: str
    days: int
    story: Story

    @property
    def reference(self) -> str:
        """The reference under which every service knows the account."""
        return f"hubspot:{PORTAL}:{self.number}"


_FIRST = [
    "Northwind",
    "Aldgate",
    "Bramble",
    "Calder",
    "Dovetail",
    "Eastmere",
    "Fennimore",
    "Gantry",
    "Harrow",
    "Ironwood",
    "Juniper",
    "Kestrel",
    "Larkspur",
    "Marlowe",
    "Nightjar",
    "Ostara",
    "Pennant",
    "Quarry",
    "Rookery",
    "Saltmarsh",
]
_SECOND = ("Robotics", "Logistics", "Health")
_STORIES = (
    [Story.THRIVING] * 22
    + [Story.STEADY] * 14
    + [Story.SLIPPING] * 6
    + [Story.STRUGGLING] * 6
    + [Story.SPARSE] * 4
    + [Story.NEWCOMER] * 3
)
_TOLD = {
    7: (Story.STALLED, 64),
    19: (Story.SPONSOR_LOST, 82),
    28: (Story.TICKET_STORM, 75),
    36: (Story.LATE_PAYER, 98),
    44: (Story.RECOVERED, 112),
}
_PLANS = {"starter": (8, 6_000), "growth": (24, 30_000), "enterprise": (80, 140_000)}
_OWNERS = ("ana.silva", "ben.okafor", "chiara.rossi", "dmitri.volkov", "elif.demir")


def customers() -> tuple[Customer, ...]:
    """Return the sixty accounts in the order of their numbers."""
    dice = random.Random(SEED)
    stories = list(_STORIES)
    dice.shuffle(stories)
    return tuple(_customer(index, stories, dice) for index in range(60))


def _customer(index: int, stories: list[Story], dice: random.Random) -> Customer:
    name = f"{_FIRST[index % 20]} {_SECOND[index // 20]}"
    plan = dice.choices(list(_PLANS), weights=(3, 5, 2))[0]
    seats, value = _PLANS[plan]
    told = _TOLD.get(index)
    story = told[0] if told else stories.pop()
    days = told[1] if told else _age_of(story, dice)
    return Customer(
        number=330_222_354_000 + 17 * index,
        name=name,
        domain=f"{name.lower().replace(' ', '-')}.example",
        plan=plan,
        seats=seats + dice.randrange(seats // 2),
        contract_value=value + 500 * dice.randrange(20),
        owner=f"{dice.choice(_OWNERS)}@milepost-demo.example",
        days=days,
        story=story,
    )


def _age_of(story: Story, dice: random.Random) -> int:
    if story is Story.NEWCOMER:
        return dice.choice((1, 1, 6, 9))
    return dice.randint(24, HISTORY_DAYS - 2)
