"""Claims about what a CRM holds in the long run: today's figures in the record that the account is linked to today."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from support.crm_bench import CrmBench
from support.hubspot_portal import Portal
from support.outreach import health_of

from milepost_runtime.lanes import drain
from playbook_runner.connections.writing_back import COMPARED_AGAIN_S

TOKEN = {"token": "pat-eu1-first-token"}


async def ready(bench: CrmBench, portal: Portal) -> UUID:
    outlet = await bench.connect("hubspot", portal.settings, TOKEN)
    await bench.setting_up.set_up(outlet)
    return outlet


async def hours_pass(bench: CrmBench) -> None:
    """Let the time pass after which an account is looked at again, and no more."""
    by = timedelta(seconds=COMPARED_AGAIN_S + 61)
    await bench.pool.execute("update writeback set next_at = next_at - $1::interval", by)
    await drain(bench.pool, bench.writing_back.lane)


async def test_an_account_that_is_linked_to_another_record_is_told_there(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    account = await bench.account(portal.company(1))
    await bench.tell()

    await bench.say(account, (portal.company(2),))
    await bench.tell()

    assert portal.companies["2"]["milepost_score"] == portal.companies["1"]["milepost_score"]
    assert (await bench.row(account))["record_id"] == "2"


async def test_a_move_that_nobody_was_told_of_is_written_within_hours_and_the_rest_is_left_alone(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await ready(bench, portal)
    references = [portal.company(number) for number in (1, 2, 3)]
    accounts = [await bench.account(reference) for reference in references]
    await bench.tell()
    due = await bench.pool.fetchval("select max(next_at) from writeback")
    moved = health_of(accounts[1], references=[references[1]]).model_copy(update={"score": 44.1})
    bench.scoring.documents[accounts[1]] = moved

    await drain(bench.pool, bench.writing_back.lane)
    at_once = portal.companies["2"]["milepost_score"]
    await hours_pass(bench)
    await hours_pass(bench)

    assert at_once == "47.3"
    assert portal.companies["2"]["milepost_score"] == "44.1"
    assert portal.batches == [["1", "2", "3"], ["2"]]
    assert due <= datetime.now(UTC) + timedelta(seconds=COMPARED_AGAIN_S + 60)
    # Nobody waits: being looked at again some day is no waiting.
    assert (await bench.setting_up.told(outlet, 10))[0] == (0, 0)


async def test_a_change_does_not_wait_until_its_account_is_looked_at_again(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    reference = portal.company(1)
    account = await bench.account(reference)
    await bench.tell()

    await bench.say(account, (reference,), score=12.5)
    soon = await bench.pool.fetchval("select next_at - clock_timestamp() from writeback")

    assert soon < timedelta(seconds=10)


async def test_a_token_that_is_replaced_lets_what_waits_go_at_once(bench: CrmBench, portal: Portal) -> None:
    outlet = await ready(bench, portal)
    await bench.account(portal.company(1))
    portal.tokens = {"pat-eu1-second-token"}
    await bench.tell()
    held = await bench.pool.fetchval("select next_at - clock_timestamp() from writeback")

    await bench.outlets.change(outlet, {"secrets": {"token": "pat-eu1-second-token"}})
    await bench.tell(now=False)

    assert held > timedelta(minutes=1)
    assert portal.companies["1"]["milepost_score"] == "47.3"
