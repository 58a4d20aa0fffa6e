"""Claims about passes for a CRM: bought once by whoever comes first, found by others, mended by the owner."""

import asyncio
import time

import pytest
from support.crm_bench import CrmBench, crm_bench
from support.hubspot_portal import Portal

from playbook_runner.actions.crm.answers import Busy
from playbook_runner.actions.crm.calling import Pass
from playbook_runner.connections.connecting import OpenOutlet
from playbook_runner.connections.setting_up import SetUpFailed

GRANT = {"client_id": "client-id-1", "client_secret": "client-secret-1", "refresh_token": "refresh-token-1"}


async def ready(bench: CrmBench, portal: Portal) -> None:
    """Connect a portal as an OAuth app, and set it up."""
    await bench.setting_up.set_up(await bench.connect("hubspot", portal.settings, GRANT))


def another(bench: CrmBench) -> CrmBench:
    """Return what another process has over the same store."""
    return crm_bench(bench.pool, bench.scoring_pool, bench.scoring, bench.writing_back.scoring.http, "redis://none")


async def silent(bench: CrmBench, portal: Portal) -> OpenOutlet:
    """Connect a portal that gives out no token now, and refresh tokens that are good once."""
    portal.rotates = True
    portal.token_gate.clear()
    await bench.connect("hubspot", portal.settings, GRANT)
    return await bench.outlets.open_named("our-hubspot")


async def test_a_token_that_ended_is_bought_anew_once_by_whoever_comes_first(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    for number in range(1, 4):
        await bench.account(portal.company(number))
    await bench.tell()
    first = portal.granted
    portal.tokens.clear()
    outlet = await bench.outlets.open_named("our-hubspot")
    stale = await bench.admitting.present(outlet)

    passes = await asyncio.gather(*(bench.admitting.renewed(outlet, stale) for _ in range(8)))

    assert first == 1
    assert portal.granted == 2
    assert len({one.token for one in passes}) == 1
    assert passes[0].token != stale.token


async def test_another_process_finds_the_token_that_was_bought(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    other = another(bench)
    outlet = await other.outlets.open_named("our-hubspot")

    there = await other.admitting.present(outlet)

    assert portal.granted == 1
    assert there.token in portal.tokens


async def test_a_refresh_token_that_is_refused_is_the_owners_to_mend(bench: CrmBench, portal: Portal) -> None:
    outlet = await bench.connect("hubspot", portal.settings, GRANT | {"refresh_token": "another-token"})

    with pytest.raises(SetUpFailed, match="missing or invalid refresh token"):
        await bench.setting_up.set_up(outlet)


async def test_who_wants_a_token_that_does_not_come_waits_a_moment_and_nothing_of_the_store_is_held_for_it(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await silent(bench, portal)
    processes, began = (bench, another(bench)), time.monotonic()

    waits = [asyncio.create_task(one.admitting.present(outlet)) for one in processes for _ in range(20)]
    await asyncio.sleep(0.5)
    busy = await bench.pool.fetchval(
        "select count(*) from pg_stat_activity where state = 'idle in transaction' or wait_event_type = 'Lock'"
    )
    found = await asyncio.gather(*waits, return_exceptions=True)
    took_s = time.monotonic() - began

    assert busy == 0
    assert {str(one) for one in found} == {"no token yet: who gives them out for our-hubspot has not answered so far"}
    assert {type(one) for one in found} == {Busy}
    assert took_s < 4
    assert portal.token_asked == 1
    portal.token_gate.set()
    await bench.admitting.settled()


async def test_a_refresh_token_that_comes_after_all_have_gone_is_kept_and_the_next_purchase_made_with_it(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await silent(bench, portal)
    with pytest.raises(Busy):
        await bench.admitting.present(outlet)

    portal.token_gate.set()
    await bench.admitting.settled()
    late = await another(bench).admitting.present(outlet)
    portal.tokens.clear()
    other = await another(bench).admitting.renewed(outlet, late)

    assert late.token.startswith("access-1-")
    assert other.token.startswith("access-2-")
    assert (portal.token_asked, portal.granted) == (2, 2)


async def test_a_process_that_ends_keeps_the_token_that_is_on_its_way_and_asks_for_no_other(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await silent(bench, portal)
    wanted = asyncio.create_task(bench.admitting.present(outlet))
    await asyncio.sleep(0.2)

    ends = asyncio.create_task(bench.admitting.settled())
    await asyncio.sleep(0.2)
    waited = not ends.done()
    portal.token_gate.set()
    await ends

    assert waited
    assert await wanted == await another(bench).admitting.present(outlet)
    with pytest.raises(Busy, match="about to end"):
        await bench.admitting.renewed(outlet, await wanted)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"active": False}, "refresh-token-2"),
        ({"settings": {"api_version": "v4"}}, "refresh-token-2"),
        ({"secrets": GRANT | {"refresh_token": "another-token"}}, "another-token"),
    ],
)
async def test_what_was_bought_while_an_outlet_was_changed_goes_beside_its_old_secrets_and_no_others(
    bench: CrmBench, portal: Portal, change: dict[str, object], kept: str
) -> None:
    outlet = await silent(bench, portal)
    with pytest.raises(Busy):
        await bench.admitting.present(outlet)
    await bench.outlets.change(outlet.id, change)

    portal.token_gate.set()
    await bench.admitting.settled()

    row = await bench.outlets.one(outlet.id)
    assert bench.outlets.unsealed(row)["refresh_token"] == kept


async def test_a_change_of_name_or_rate_begins_no_second_purchase_with_a_refresh_token_that_is_spent(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await silent(bench, portal)
    with pytest.raises(Busy):
        await bench.admitting.present(outlet)
    await bench.outlets.change(outlet.id, {"rate_per_s": 5.0})
    changed = await bench.outlets.open_named("our-hubspot")
    with pytest.raises(Busy, match="no token yet"):
        await bench.admitting.present(changed)

    portal.token_gate.set()
    await bench.admitting.settled()
    entry = await another(bench).admitting.present(changed)

    assert entry.token.startswith("access-1-")
    assert (portal.token_asked, portal.granted) == (1, 1)


async def test_when_a_process_was_killed_while_it_bought_another_one_buys_after_a_while(
    bench: CrmBench, portal: Portal
) -> None:
    await bench.connect("hubspot", portal.settings, GRANT)
    outlet = await bench.outlets.open_named("our-hubspot")
    await bench.pool.execute(
        "update outlet set renewing_by = gen_random_uuid(), renewing_until = clock_timestamp() + interval '1 second'"
    )

    entry = await bench.admitting.present(outlet)

    assert entry == Pass(entry.token, portal.url)
    assert portal.token_asked == 1
