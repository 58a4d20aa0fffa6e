"""The claim about identity as a whole: which words were told decides, never their order, batches or repetition."""

import itertools
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest_webhooks.accounts.attaching import attach_references, follow
from ingest_webhooks.queries import events
from ingest_webhooks.queries.events import Origin
from ingest_webhooks.words.shapes import Link, Merge, NormalEvent, Normalised, fact_key
from milepost_contracts.events import FEED
from milepost_runtime.database import Pool
from milepost_runtime.feeds import publish_lock

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ORIGIN = Origin("test", None, None, "")
_worlds = itertools.count(1)


@dataclass(frozen=True)
class Said:
    """One thing that is told, at an hour of its own: a link, a merge or an event over names by their numbers."""

    kind: str
    one: int
    other: int
    how: int

    def word(self, world: str, hour: int) -> Link | Merge | NormalEvent:  # noqa: PLR0911 - one of each kind
        """Return it in the words of a world: every world has companies, contacts, tickets and names of its own."""
        at = T0 + timedelta(hours=hour)
        companies = [f"hubspot:{world}:{n}" for n in range(3)]
        contacts = [f"hubspot:{world}:contact:{n}" for n in range(2)]
        ticket = f"hubspot:{world}:ticket:0"
        domain, ours, customer = f"domain:{world}.com", f"external:{world}", f"stripe:{world}:cus"
        things, targets = [*contacts, ticket, ticket, domain], [*companies, *companies, contacts[0], domain]
        match self.kind:
            case "link":
                reference, target = things[self.one % 5], targets[self.other % 8]
                if reference == domain and self.how > 3:
                    return Link(reference, target, at, derived=True)
                return Link(reference, target, at, primary=self.how % 2 == 0, removed=self.how == 5)
            case "alias":
                return Link(ours, companies[0], at)
            case "merge":
                return Merge(companies[self.one % 3], (companies[self.other % 3],), at)
            case "same":
                return Merge(contacts[self.one % 2], (contacts[self.other % 2],), at)
            case "open":
                reference = [*companies, ours, customer][self.one % 5]
                beside = (ours,) if reference == customer else ()
                return _event(world, hour, reference, fallbacks=beside, opens=True)
            case "act":
                others = [contacts[self.other % 2], domain, ours][: self.how % 4]
                return _event(world, hour, contacts[self.one % 2], fallbacks=tuple(others))
            case _:
                reference = [ticket, contacts[self.other % 2], companies[self.other % 3]][self.how % 3]
                return _event(world, hour, reference, item=ticket, fallbacks=(domain,))


def _event(world: str, hour: int, reference: str, **more: Any) -> NormalEvent:
    key = fact_key("test", world, hour)
    return NormalEvent(key, reference, "session.started", T0 + timedelta(hours=hour), **more)


async def tell(pool: Pool, batches: list[list[Link | Merge | NormalEvent]]) -> None:
    """Tell batches as relaying does, each fact once."""
    known: set[bytes] = set()
    for batch in batches:
        said = Normalised(
            events=[one for one in batch if isinstance(one, NormalEvent)],
            links=[one for one in batch if isinstance(one, Link)],
            merges=[one for one in batch if isinstance(one, Merge)],
        )
        async with pool.acquire() as connection, connection.transaction():
            await publish_lock(connection, FEED)
            attached = await attach_references(connection, [(said, ORIGIN)])
            fresh = {one.key: one for one in said.events if one.key not in known}
            known |= fresh.keys()
            placed = [(one, attached.account_of(one)) for one in fresh.values()]
            there = [(one, ORIGIN, account_id) for one, account_id in placed if account_id is not None]
            await events.publish(connection, [*attached.told, *there])
            await follow(connection, attached)
            await events.park(connection, [(one, ORIGIN) for one, account_id in placed if account_id is None])


async def outcome(pool: Pool, world: str) -> tuple[set[frozenset[str]], dict[str, frozenset[str] | None]]:
    """Return which names are one account, and by its moment the account of every event that counts, None: it waits."""
    rows = await pool.fetch(
        "select reference, account_id from ingest.reference where account_id is not null"
        " and (reference like $1 or reference in ($2, $3))",
        f"%:{world}:%",
        f"domain:{world}.com",
        f"external:{world}",
    )
    names: dict[Any, set[str]] = {}
    for row in rows:
        names.setdefault(row["account_id"], set()).add(row["reference"].replace(world, "w"))
    told = await pool.fetch(
        "select e.occurred_at, coalesce(a.merged_into, e.account_id) as account_id from ingest.event e"
        " join ingest.account a using (account_id) where e.type = 'session.started' and e.correlation_id = ''"
        " and (e.reference like $1 or e.reference = $2)"
        " and not exists (select from ingest.event c where c.supersedes = e.event_id)"
        " union all select occurred_at, null from ingest.waiting_event where reference like $1 or reference = $2",
        f"%:{world}:%",
        f"external:{world}",
    )
    places = [(str(row["occurred_at"]), frozenset(names.get(row["account_id"], ())) or None) for row in told]
    assert len({moment for moment, _ in places}) == len(places), "an event counts once"
    return {frozenset(group) for group in names.values()}, dict(places)


def batched(words: list[Any], chance: random.Random) -> list[list[Any]]:
    """Return words in batches of chance sizes."""
    batches: list[list[Any]] = []
    while words:
        size = chance.randint(1, 4)
        batches.append(words[:size])
        words = words[size:]
    return batches


SAID = st.builds(
    Said,
    st.sampled_from(["link"] * 5 + ["act"] * 3 + ["ticket"] * 3 + ["open", "merge", "same", "alias"]),
    st.integers(0, 7),
    st.integers(0, 7),
    st.integers(0, 5),
)


# A link to a company that is merged away later, taken back under the name of the one that survives.
@example(said=[Said("link", 1, 1, 0), Said("merge", 0, 1, 0), Said("link", 1, 0, 5)], seed=3)
@given(said=st.lists(SAID, min_size=8, max_size=18), seed=st.integers(0, 2**32))
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_order_and_repetition_of_words_ends_with_the_same_accounts_and_every_event_in_its_place(
    ingest_pool: Pool, said: list[Said], seed: int
) -> None:
    chance, ends = random.Random(seed), []
    for turn in range(3):
        world = f"w{next(_worlds)}w"
        words: list[Any] = [one.word(world, hour) for hour, one in enumerate(said)]
        if turn:
            words += chance.sample(words, len(words) // 2)
            chance.shuffle(words)
        await tell(ingest_pool, batched(words, chance) if turn else [words])
        ends.append(await outcome(ingest_pool, world))
    assert ends[0] == ends[1] == ends[2]
