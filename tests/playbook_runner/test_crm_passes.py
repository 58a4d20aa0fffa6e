"""Claims about passes for a CRM: bought once by whoever comes first, found by others, mended by the owner."""

import asyncio

import pytest
from support.crm_bench import CrmBench, crm_bench
from support.hubspot_portal import Portal

from playbook_runner.connections.setting_up import SetUpFailed

GRANT = {"client_id": "client-id-1", "client_secret": "client-secret-1", "refresh_token": "refresh-token-1"}


async def ready(bench: CrmBench, portal: Portal) -> None:
    """Connect a portal as an OAuth app, and set it up."""
    await bench.setting_up.set_up(await bench.connect("hubspot", portal.settings, GRANT))


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
    other = crm_bench(bench.pool, bench.scoring_pool, bench.scoring, bench.writing_back.scoring.http, "redis://none")
    outlet = await other.outlets.open_named("our-hubspot")

    there = await other.admitting.present(outlet)

    assert portal.granted == 1
    assert there.token in portal.tokens


async def test_a_refresh_token_that_is_refused_is_the_owners_to_mend(bench: CrmBench, portal: Portal) -> None:
    outlet = await bench.connect("hubspot", portal.settings, GRANT | {"refresh_token": "another-token"})

    with pytest.raises(SetUpFailed, match="missing or invalid refresh token"):
        await bench.setting_up.set_up(outlet)
