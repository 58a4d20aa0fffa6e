"""Claims about merges over real stores: every name and every account ends at the survivor, told by Milepost itself."""

import itertools
from typing import Any

import pytest

from .conftest import Bench, batch, change, prop

_portals = itertools.count(2_000)


async def account_behind(bench: Bench, reference: str) -> Any:
    return await bench.pool.fetchval("select account_id from ingest.reference where reference = $1", reference)


async def test_a_merged_companys_past_names_and_later_changes_reach_the_survivor(bench: Bench) -> None:
    await bench.deliver(batch(change("company.creation", 65, 1), change("company.creation", 65, 2)))
    await bench.relay()
    gone = await bench.pool.fetchval("select account_id from ingest.reference where reference = 'hubspot:65:2'")
    merge = change("company.merge", 65, 1, primaryObjectId=1, mergedObjectIds=[2], newObjectId=None)
    await bench.deliver(batch(merge))
    await bench.deliver(batch(prop("company", 65, 2, "city", "Oslo")))
    await bench.relay()
    survivor = await bench.pool.fetchval("select account_id from ingest.reference where reference = 'hubspot:65:1'")
    told = await bench.pool.fetchval(
        "select value_text from ingest.event where account_id = $1 and type = 'account.merged'", gone
    )

    assert {"city": "Oslo"} in [row["properties"] for row in await bench.events("hubspot:65:1")]
    assert await bench.pool.fetchval("select merged_into from ingest.account where account_id = $1", gone) == survivor
    assert told == str(survivor)


@pytest.mark.parametrize("chain", [("12", "23"), ("23", "12")])
@pytest.mark.parametrize("known", ["123", "12", "1", ""])
@pytest.mark.parametrize("batches", [1, 2])
async def test_a_chain_of_merges_leaves_every_name_and_every_account_at_its_end(
    bench: Bench, chain: tuple[str, ...], known: str, batches: int
) -> None:
    portal = next(_portals)
    before = {}
    for one in known:
        await bench.deliver(batch(change("company.creation", portal, int(one))))
    await bench.relay()
    for one in known:
        before[one] = await account_behind(bench, f"hubspot:{portal}:{one}")
    counted = await bench.pool.fetchval("select count(*) from ingest.account")
    merges = [
        change("company.merge", portal, int(t), primaryObjectId=int(t), mergedObjectIds=[int(f)]) for f, t in chain
    ]
    for merge in merges:
        await bench.deliver(batch(merge))
        if batches == 2:
            await bench.relay()
    await bench.relay()
    leads = {await account_behind(bench, f"hubspot:{portal}:{one}") for one in "123"}
    (survivor,) = leads
    rows = await bench.pool.fetch(
        "select account_id, merged_into from ingest.account where account_id = any($1) and account_id <> $2",
        list(before.values()),
        survivor,
    )
    opened = await bench.pool.fetchval("select count(*) from ingest.account") - counted

    assert {row["merged_into"] for row in rows} <= {survivor}
    assert len(rows) == len(set(before.values()) - {survivor})
    assert opened == len({survivor} - set(before.values())) or batches == 2


async def test_what_milepost_itself_tells_carries_its_own_source_and_the_delivery_that_caused_it(bench: Bench) -> None:
    await bench.deliver(batch(change("company.creation", 80, 1), change("company.creation", 80, 2)))
    await bench.relay()
    await bench.deliver(batch(change("company.merge", 80, 1, primaryObjectId=1, mergedObjectIds=[2])))
    await bench.relay()
    account = await account_behind(bench, "hubspot:80:1")
    await bench.client.post(f"/accounts/{account}/references", json={"reference": "external:80"})
    rows = await bench.pool.fetch(
        "select e.source, e.type, e.value_text, e.delivery_id from ingest.event e"
        " where type in ('account.linked', 'account.merged') and value_text = any($1)",
        ["hubspot:80:1", "hubspot:80:2", "external:80", str(account)],
    )
    everywhere = await bench.pool.fetchval(
        "select count(*) from ingest.event"
        " where (source = 'milepost') <> (type in ('account.linked', 'account.merged'))"
    )

    assert {row["type"] for row in rows} == {"account.linked", "account.merged"}
    assert {row["source"] for row in rows} == {"milepost"}
    assert [row["value_text"] for row in rows if row["delivery_id"] is None] == ["external:80"]
    assert everywhere == 0
