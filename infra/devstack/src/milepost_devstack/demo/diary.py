"""What a customer's past is written down with: facts with their own time, in a provider's shape; it sends nothing."""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from milepost_devstack.demo.company import Customer


@dataclass(frozen=True)
class Fact:
    """Something that happened: a change in the CRM (`crm`) or a plain event; `what` is the provider's own shape."""

    at: datetime
    crm: bool
    what: dict[str, Any]


@dataclass
class Diary:
    """One customer's facts while they are being made; ids are counted, so that every run makes the same ones."""

    customer: Customer
    today: date
    dice: random.Random
    facts: list[Fact] = field(default_factory=list)

    def moment(self, day: float) -> datetime:
        """Return the instant `day` days after the customer's start (at midnight)."""
        start = datetime.combine(self.today, datetime.min.time(), UTC) - timedelta(days=self.customer.days)
        return start + timedelta(days=day)

    def crm(self, at: datetime, subscription: str, object_id: int, **more: Any) -> None:
        """Note a change in HubSpot."""
        self.facts.append(Fact(at, True, {"subscriptionType": subscription, "objectId": object_id, **more}))

    def change(self, at: datetime, name: str, value: object) -> None:
        """Note a changed property of the company."""
        number = self.customer.number
        self.crm(at, "company.propertyChange", number, propertyName=name, propertyValue=str(value))

    def event(self, at: datetime, kind: str, **more: Any) -> None:
        """Note a plain event."""
        known = {key: value for key, value in more.items() if value is not None}
        identity = f"demo-{self.customer.number}-{len(self.facts)}"
        self.facts.append(Fact(at, False, {"id": identity, "type": kind, "account": self.customer.reference, **known}))

    def hour(self) -> float:
        """Return a working hour as a part of a day."""
        return self.dice.uniform(8, 18) / 24
