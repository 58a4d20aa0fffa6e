"""Staffing: who can have a piece of work today, and in which hours they work; it gives nobody anything."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time

from milepost_core.arbiter import Policy, parse_policy
from milepost_core.owning import ROLE, Colleague, Owner, find_owner, named
from milepost_core.schedules import Calendar
from milepost_core.worktime import Worktime
from milepost_runtime.database import Connection, Pool
from playbook_runner.people.calendars import Calendars
from playbook_runner.people.places import Places
from playbook_runner.queries import colleagues as queries
from playbook_runner.queries import policies


@dataclass(frozen=True)
class Staff:
    """Everybody at one moment; `otherwise` has what nobody else can.

    Who is unknown, or has said no hours, works in those of the policy.
    """

    otherwise: str
    colleagues: Mapping[str, Colleague] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    hours: Mapping[str, tuple[time, time]] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    usual: Calendar = field(default_factory=Calendar)

    def owner(self, chain: Sequence[str], account_owner: str | None) -> Owner:
        """Return whose the work is; never nobody's."""
        return find_owner(chain, account_owner, self.colleagues, self.otherwise)

    def worktime(self, owner: str) -> Worktime:
        """Return the hours in which somebody works."""
        opens, closes = self.hours.get(owner, (self.policy.opens, self.policy.closes))
        return Worktime(self.calendars.get(owner, self.usual), opens, closes)

    def stands_for(self, owner: str, word: str) -> bool:
        """Tell whether work of this owner is already with whom a word names: that person, or one of that role."""
        one = named(owner, self.colleagues)
        if word.startswith(ROLE):
            return one is not None and word.removeprefix(ROLE) in one.roles
        return owner == word or (one is not None and one is named(word, self.colleagues))

    def loaded(self, owner: str, minutes: float) -> "Staff":
        """Return the same people after one got so much more work."""
        one = self.colleagues.get(owner)
        if one is None:
            return self
        return replace(self, colleagues={**self.colleagues, owner: replace(one, load=one.load + minutes)})


async def staff(connection: Connection, chains: Iterable[Sequence[str]], otherwise: str) -> Staff:
    """Return everybody as of now; loads are asked for only where a chain names a role."""
    rows = await queries.colleagues(connection)
    roles = sorted({word.removeprefix(ROLE) for chain in chains for word in chain if word.startswith(ROLE)})
    loads = {row["id"]: row["minutes"] for row in await queries.loads(connection, roles)} if roles else {}
    days = await queries.days_off(connection)
    today = await queries.today(connection)
    places = Places(await _policy(connection), Calendars.with_days((row["region"], row["day"]) for row in days))
    return Staff(
        otherwise,
        {row["id"]: queries.colleague(row, loads.get(row["id"], 0.0)) for row in rows},
        {row["id"]: places.of(row["zone"], row["region"], today) for row in rows},
        {row["id"]: (row["opens"], row["closes"]) for row in rows if row["opens"] is not None},
        places.policy,
        places.of(places.policy.zone, places.policy.region, today),
    )


async def value_of(pool: Pool) -> str:
    """Return the attribute that says what a customer is worth, where a playbook does not name its own."""
    return (await _policy(pool)).value_of


async def _policy(connection: "Connection | Pool") -> Policy:
    said = await policies.newest(connection)
    return parse_policy(said["document"]) if said is not None else Policy()
