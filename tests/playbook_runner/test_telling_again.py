"""Claims about what a CRM holds in the long run: today's figures in the record that the account is linked to today."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from support.crm_bench import CrmBench
from support.house import until
from support.hubspot_portal import Portal, hubspot_portal
from support.outreach import health_of

from milepost_runtime.lanes import claim, drain
from playbook_runner.connections.comparing import COMPARED_AGAIN_S, NOT_THERE
from playbook_runner.queries import writing_back as queries

# Ids grow with time.
OLDER, NEWER = UUID(int=1), UUID(int=2)
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

    assert portal.companies["2"]["milepost_score"] == "47.3"
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
    told = await bench.setting_up.told(outlet, 10)
    assert (told.waiting, told.refused) == (0, 0)


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


def told_of(portal: Portal, number: int) -> tuple[str, str]:
    """Return score and band that stand on a company."""
    company = portal.companies[str(number)]
    return company["milepost_score"], company["milepost_band"]


async def test_a_company_of_two_accounts_is_told_of_the_one_known_longest_whoever_moves(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await ready(bench, portal)
    company = portal.company(1)
    await bench.say(NEWER, (company,), score=11.0)
    await bench.tell()
    await bench.say(OLDER, (company,), score=80.0, band="green")
    await bench.tell()
    batches, digest = len(portal.batches), (await bench.row(NEWER))["digest"]

    await bench.say(NEWER, (company,), score=12.0)
    await bench.tell()
    await hours_pass(bench)
    silent = len(portal.batches) - batches
    await bench.say(OLDER, (company,), score=70.0, band="yellow")
    await bench.tell()

    assert (silent, digest) == (0, None)
    assert told_of(portal, 1) == ("70.0", "yellow")
    found = await bench.setting_up.told(outlet, 10)
    assert [dict(row) for row in found.shared] == [{"record_id": "1", "accounts": 2, "account_ids": [OLDER, NEWER]}]


@pytest.mark.parametrize(("right", "wrong"), [(OLDER, NEWER), (NEWER, OLDER)])
async def test_a_link_that_is_mended_leaves_each_company_with_its_own_accounts_figures(
    bench: CrmBench, portal: Portal, right: UUID, wrong: UUID
) -> None:
    outlet = await ready(bench, portal)
    one, two = portal.company(1), portal.company(2)
    await bench.say(right, (one,), score=80.0, band="green")
    await bench.tell()
    await bench.say(wrong, (one,), score=11.0)
    await bench.tell()

    await bench.say(wrong, (two,), score=11.0)
    await bench.tell(now=False)
    await bench.pool.execute("update writeback set next_at = clock_timestamp() where account_id = $1", wrong)
    await bench.tell(now=False)

    assert told_of(portal, 1) == ("80.0", "green")
    assert told_of(portal, 2) == ("11.0", "red")
    assert (await bench.setting_up.told(outlet, 10)).shared == []


async def test_two_accounts_that_were_linked_crosswise_change_places(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    one, two = portal.company(1), portal.company(2)
    await bench.say(OLDER, (two,), score=80.0, band="green")
    await bench.say(NEWER, (one,), score=11.0)
    await bench.tell()

    await bench.say(OLDER, (one,), score=80.0, band="green")
    await bench.say(NEWER, (two,), score=11.0)
    await bench.tell()

    assert told_of(portal, 1) == ("80.0", "green")
    assert told_of(portal, 2) == ("11.0", "red")


async def test_a_company_that_an_account_has_left_is_looked_after_by_who_comes_although_nobody_told_of_the_leave(
    bench: CrmBench, portal: Portal
) -> None:
    await ready(bench, portal)
    one, two = portal.company(1), portal.company(2)
    await bench.say(OLDER, (one,), score=80.0, band="green")
    await bench.tell()
    moved = health_of(OLDER, "green", references=[two]).model_copy(update={"score": 80.0})
    bench.scoring.documents[OLDER] = moved

    await bench.say(NEWER, (one,), score=11.0)
    await bench.pool.execute("update writeback set next_at = clock_timestamp() where account_id = $1", NEWER)
    await bench.tell(now=False)

    assert told_of(portal, 1) == ("11.0", "red")
    assert told_of(portal, 2) == ("80.0", "green")


async def test_a_company_that_is_nobodys_any_more_is_cleared_once(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    one, two = portal.company(1), portal.company(2)
    account = await bench.account(one, score=11.0)
    await bench.tell()

    await bench.say(account, (two,), score=11.0)
    await bench.tell()
    await bench.say(account, (), score=90.0)
    await bench.tell()
    await hours_pass(bench)

    for number in ("1", "2"):
        assert {value for name, value in portal.companies[number].items() if name != "name"} == {""}
    assert portal.batches == [["1"], ["1"], ["2"], ["2"]]
    row = await bench.row(account)
    assert (row["record_id"], row["digest"], row["error"]) == ("", None, NOT_THERE)


async def test_an_account_that_is_gone_leaves_its_company_to_the_next_and_the_last_one_leaves_it_empty(
    bench: CrmBench, portal: Portal
) -> None:
    await ready(bench, portal)
    company = portal.company(1)
    await bench.say(OLDER, (company,), score=11.0)
    await bench.say(NEWER, (company,), score=80.0, band="green")
    await bench.tell()

    del bench.scoring.documents[OLDER]
    await hours_pass(bench)
    inherited = told_of(portal, 1)
    del bench.scoring.documents[NEWER]
    await hours_pass(bench)
    await hours_pass(bench)

    assert inherited == ("80.0", "green")
    assert told_of(portal, 1) == ("", "")
    assert len(portal.batches) == 3


async def test_an_account_of_which_its_company_was_not_told_leaves_it_without_a_write(
    bench: CrmBench, portal: Portal
) -> None:
    await ready(bench, portal)
    company = portal.company(1)
    await bench.say(OLDER, (company,), score=80.0, band="green")
    await bench.say(NEWER, (company,), score=11.0)
    await bench.tell()

    await bench.say(NEWER, (portal.company(2),), score=11.0)
    await bench.tell()

    assert portal.batches == [["1"], ["2"]]
    assert told_of(portal, 1) == ("80.0", "green")


async def test_of_two_accounts_that_come_to_one_company_at_once_the_first_is_told(
    bench: CrmBench, portal: Portal
) -> None:
    await ready(bench, portal)
    company = portal.company(1)
    for account, score in ((NEWER, 11.0), (OLDER, 80.0)):
        await bench.say(account, (company,), score=score)
    await bench.pool.execute("update writeback set next_at = clock_timestamp()")
    async with bench.pool.acquire() as connection:
        claims = [await claim(connection, bench.writing_back.lane, 1) for _ in range(2)]
    async with bench.pool.acquire() as connection, connection.transaction():
        await connection.execute("select from writeback for update")
        working = [asyncio.create_task(bench.writing_back.write(one)) for one in claims]
        await until(lambda: held_up(bench, 2), "both to be there")
    await asyncio.gather(*working)
    await bench.tell(now=False)

    assert told_of(portal, 1) == ("80.0", "red")
    assert [(await bench.row(one))["digest"] is not None for one in (OLDER, NEWER)] == [True, False]


async def test_an_account_whose_score_is_on_its_way_keeps_what_its_company_holds(
    bench: CrmBench, portal: Portal
) -> None:
    await ready(bench, portal)
    account = await bench.account(portal.company(1))
    await bench.tell()
    document = bench.scoring.documents.pop(account)
    bench.scoring.unscored.add(account)

    await hours_pass(bench)
    meanwhile = told_of(portal, 1)
    bench.scoring.documents[account] = document
    await hours_pass(bench)

    assert meanwhile == ("47.3", "red")
    assert portal.batches == [["1"]]


async def test_an_account_that_was_merged_away_leaves_its_company_to_the_survivor(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await ready(bench, portal)
    one, two = portal.company(1), portal.company(2)
    await bench.say(OLDER, (one,), score=11.0)
    await bench.say(NEWER, (two,), score=80.0, band="green")
    await bench.tell()

    del bench.scoring.documents[OLDER]
    bench.scoring.survivors[OLDER] = NEWER
    await bench.say(NEWER, (one, two), score=60.0, band="yellow")
    await bench.tell()

    # Of its two companies the first is told, the other is not left with what held before.
    assert told_of(portal, 1) == ("60.0", "yellow")
    assert told_of(portal, 2) == ("", "")
    assert (await bench.row(OLDER))["record_id"] == ""
    assert (await bench.setting_up.told(outlet, 10)).shared == []


async def test_a_company_is_cleared_though_the_crm_was_not_well_and_the_next_is_told_after_it(
    bench: CrmBench, portal: Portal
) -> None:
    await ready(bench, portal)
    account = await bench.account(portal.company(1))
    await bench.tell()
    await bench.say(account, (portal.company(2),))
    portal.lost = 1
    await bench.tell()
    row = await bench.row(account)

    await bench.tell()

    assert (row["record_id"], row["attempts"]) == ("1", 1)
    assert told_of(portal, 1) == ("", "")
    assert told_of(portal, 2) == ("47.3", "red")
    assert portal.batches[1:] == [["1"], ["1"], ["2"]]


async def test_a_company_to_which_somebody_comes_while_it_is_cleared_is_told_of_them(
    bench: CrmBench, portal: Portal
) -> None:
    await ready(bench, portal)
    company = portal.company(1)
    await bench.say(OLDER, (company,))
    await bench.tell()
    await bench.say(OLDER, ())
    late = await under_way(bench, portal)

    await bench.say(NEWER, (company,), score=80.0, band="green")
    await bench.tell()
    before = told_of(portal, 1), len(portal.batches)
    await late()
    await bench.tell(now=False)

    assert before == (("80.0", "green"), 2)
    # The clearing, which came last, and what undoes it.
    assert (told_of(portal, 1), len(portal.batches)) == (("80.0", "green"), 4)


async def test_a_write_that_arrives_after_a_newer_one_is_followed_by_the_newer_figures(
    bench: CrmBench, portal: Portal
) -> None:
    await ready(bench, portal)
    company = portal.company(1)
    account = await bench.account(company, score=11.0)
    late = await under_way(bench, portal)

    await bench.pool.execute("update writeback set lease_until = clock_timestamp() - interval '1 s'")
    await bench.say(account, (company,), score=80.0)
    await bench.tell()
    before = told_of(portal, 1)[0], len(portal.batches)
    await late()
    await bench.tell(now=False)

    assert before == ("80.0", 1)
    # The older figures, which came last, and what undoes them.
    assert (told_of(portal, 1)[0], len(portal.batches)) == ("80.0", 3)


async def test_what_a_dead_worker_may_have_written_is_written_over_though_the_figures_are_those_of_before(
    bench: CrmBench, portal: Portal
) -> None:
    await ready(bench, portal)
    company = portal.company(1)
    account = await bench.account(company, score=80.0)
    await bench.tell()
    await bench.say(account, (company,), score=11.0)
    await bench.pool.execute("update writeback set next_at = clock_timestamp()")
    async with bench.pool.acquire() as connection:
        claims = await claim(connection, bench.writing_back.lane, 1)
    await portal.batches_asked.acquire()
    portal.batch_gate.clear()
    working = asyncio.create_task(bench.writing_back.write(claims))
    await portal.batches_asked.acquire()
    working.cancel()
    portal.batch_gate.set()
    await until(lambda: arrived(portal, 2), "the portal to have carried it out")

    await bench.say(account, (company,), score=80.0)
    await bench.pool.execute("update writeback set lease_until = clock_timestamp() - interval '1 s'")
    await bench.tell()

    assert told_of(portal, 1)[0] == "80.0"


async def test_a_crm_that_leads_elsewhere_is_told_although_the_former_one_was_being_told(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await ready(bench, portal)
    await bench.account(portal.company(1))
    async with hubspot_portal() as other:
        other.properties = portal.properties
        other.company(1)
        late = await under_way(bench, portal)
        await bench.outlets.change(outlet, {"settings": other.settings})
        await late()
        await bench.tell(now=False)

        assert told_of(other, 1) == told_of(portal, 1) == ("47.3", "red")


async def test_a_portal_of_another_company_is_not_cleared_where_the_former_one_was_told(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await ready(bench, portal)
    account = await bench.account(portal.company(1))
    await bench.tell()
    stranger = portal.companies["1"] = {"name": "A company of the other portal", "milepost_score": "5.0"}

    await bench.outlets.change(outlet, {"settings": {"portal_id": 815}})
    await bench.tell()
    portal.company(2)
    await bench.say(account, ("hubspot:815:2",))
    await bench.tell()

    assert stranger["milepost_score"] == "5.0"
    assert told_of(portal, 2) == ("47.3", "red")


async def test_a_crm_that_is_switched_on_again_is_told_although_a_worker_saw_it_off(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await ready(bench, portal)
    await bench.account(portal.company(1))
    await bench.outlets.change(outlet, {"active": False})
    await bench.pool.execute("update writeback set next_at = clock_timestamp()")
    async with bench.pool.acquire() as connection:
        claims = await claim(connection, bench.writing_back.lane, 10)
    async with bench.pool.acquire() as connection, connection.transaction():
        await connection.execute("select from writeback for update")
        looking = asyncio.create_task(bench.writing_back.write(claims))
        await until(lambda: held_up(bench), "the worker to have seen it off")
        await connection.execute("update outlet set active = true where id = $1", outlet)
        await queries.mark_all(connection, outlet)
    await looking

    await bench.tell(now=False)

    assert told_of(portal, 1) == ("47.3", "red")


async def test_two_workers_who_lose_one_row_to_each_other_do_not_tell_it_for_ever(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await ready(bench, portal)
    account = await bench.account(portal.company(1))
    await bench.pool.execute("update writeback set next_at = clock_timestamp()")
    portal.batch_gate.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(drain(bench.pool, bench.writing_back.lane))
        await portal.batches_asked.acquire()
        async with bench.pool.acquire() as connection, connection.transaction():
            await queries.mark_all(connection, outlet)
        group.create_task(drain(bench.pool, bench.writing_back.lane))
        await portal.batches_asked.acquire()
        portal.batch_gate.set()

    assert len(portal.batches) <= 4
    assert told_of(portal, 1) == ("47.3", "red")
    row = await bench.row(account)
    assert (row["digest"] is not None, row["lease_until"]) == (True, None)


async def under_way(bench: CrmBench, portal: Portal) -> Callable[[], Awaitable[None]]:
    """Let what is due be told, but arrive only when what is returned is called; calls after it arrive at once."""
    while not portal.batches_asked.locked():
        await portal.batches_asked.acquire()
    gate = portal.batch_gate = asyncio.Event()
    telling = asyncio.create_task(bench.tell())
    await portal.batches_asked.acquire()
    portal.batch_gate = asyncio.Event()
    portal.batch_gate.set()

    async def arrive() -> None:
        gate.set()
        await telling

    return arrive


async def held_up(bench: CrmBench, workers: int = 1) -> bool:
    """Whether so many wait for a row that another one holds."""
    waiting = "select count(distinct pid) from pg_locks where not granted"
    return bool(await bench.pool.fetchval(waiting) >= workers)


async def arrived(portal: Portal, batches: int) -> bool:
    """Whether so many batches were carried out."""
    return len(portal.batches) == batches
