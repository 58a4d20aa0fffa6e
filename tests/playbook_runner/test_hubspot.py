"""Claims about telling HubSpot of health: on change only, in batches, each company judged by itself."""

import time
from typing import Any
from uuid import UUID

import pytest
from support.crm_bench import CrmBench
from support.hubspot_portal import PORTAL, Portal

from milepost_runtime.lanes import claim
from playbook_runner.actions.crm.hubspot import PROPERTIES
from playbook_runner.connections.setting_up import SetUpFailed

TOKEN = {"token": "pat-eu1-first-token"}


async def ready(bench: CrmBench, portal: Portal) -> UUID:
    """Connect a portal and set it up."""
    outlet = await bench.connect("hubspot", portal.settings, TOKEN)
    await bench.setting_up.set_up(outlet)
    portal.calls.clear()
    return outlet


async def test_a_set_up_makes_each_property_once_and_then_tells_of_the_whole_book(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await bench.connect("hubspot", portal.settings, TOKEN)
    account = await bench.account(portal.company(90210))
    await bench.tell()
    before = dict(portal.companies["90210"])

    _, made, accounts = await bench.setting_up.set_up(outlet)
    row, again, _ = await bench.setting_up.set_up(outlet)
    await bench.tell()

    assert before == {"name": "Company 90210"}
    assert set(made.values()) == {"made"}
    assert set(again.values()) == {"there"}
    assert len(made) == sum(len(wanted) for wanted in PROPERTIES.values())
    assert accounts == 1
    assert row["writes_health"]
    document = bench.scoring.documents[account]
    assert portal.companies["90210"] == {
        "name": "Company 90210",
        "milepost_score": "47.3",
        "milepost_band": "red",
        "milepost_top_reason": document.drivers[0].sentence,
        "milepost_model": "b2b-onboarding v1",
        "milepost_computed_at": document.computed_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


async def test_a_property_of_another_type_stops_the_set_up_and_nothing_is_told(bench: CrmBench, portal: Portal) -> None:
    portal.properties["companies"]["milepost_score"] = {"name": "milepost_score", "type": "string"}
    outlet = await bench.connect("hubspot", portal.settings, TOKEN)

    with pytest.raises(SetUpFailed, match="milepost_score is there as string, not as number"):
        await bench.setting_up.set_up(outlet)

    assert not (await bench.outlets.one(outlet))["writes_health"]


async def test_only_what_is_news_is_written_and_a_new_moment_is_none(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    reference = portal.company(1)
    account = await bench.account(reference)
    await bench.tell()
    document = bench.scoring.documents[account]
    computed_again = document.computed_at.replace(year=2027)

    await bench.say(account, (reference,), computed_at=computed_again)
    await bench.tell()
    calls = len(portal.batches)
    await bench.say(account, (reference,), score=46.9)
    await bench.tell()

    assert calls == 1
    assert len(portal.batches) == 2
    assert portal.companies["1"]["milepost_score"] == "46.9"


async def test_changes_that_come_in_a_handful_are_one_write(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    reference = portal.company(1)
    account = await bench.account(reference)
    for score in (46.0, 45.0, 44.0):
        await bench.say(account, (reference,), score=score)

    await bench.tell(now=False)
    soon = list(portal.batches)
    await bench.tell()

    assert soon == []
    assert portal.batches == [["1"]]
    assert portal.companies["1"]["milepost_score"] == "44.0"


async def test_a_change_that_comes_while_its_account_is_written_is_not_lost(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    account = await bench.account(portal.company(1))
    await bench.pool.execute("update writeback set next_at = clock_timestamp()")
    async with bench.pool.acquire() as connection:
        claims = await claim(connection, bench.writing_back.lane, 10)
    await bench.say(account, (f"hubspot:{PORTAL}:1",), score=12.5)
    await bench.writing_back.write(claims)
    row = await bench.row(account)
    await bench.tell()

    assert row["next_at"] is not None
    assert portal.companies["1"]["milepost_score"] == "12.5"


async def test_a_company_that_is_gone_is_told_apart_from_those_that_took_it(bench: CrmBench, portal: Portal) -> None:
    outlet = await ready(bench, portal)
    kept = await bench.account(portal.company(1))
    gone = await bench.account(f"hubspot:{PORTAL}:404")

    await bench.tell()
    told = await bench.setting_up.told(outlet, 10)

    assert portal.companies["1"]["milepost_score"] == "47.3"
    assert (await bench.row(kept))["digest"] is not None
    row = await bench.row(gone)
    assert row["digest"] is None
    assert row["next_at"] is None
    assert "deleted or not exist" in row["error"]
    assert (told.waiting, told.refused) == (0, 1)
    assert [one["account_id"] for one in told.troubled] == [gone]


async def test_two_accounts_of_one_company_are_one_input_of_a_batch(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    reference = portal.company(1)
    for score in (20.0, 47.3):
        await bench.account(reference, score=score)

    await bench.tell()

    assert portal.batches == [["1"]]


async def test_a_company_that_was_merged_away_over_there_is_given_up_after_some_tries(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await ready(bench, portal)
    portal.company(2)
    account = await bench.account(portal.company(1))
    portal.merged["1"] = "2"

    for _ in range(9):
        await bench.tell()

    row = await bench.row(account)
    told = await bench.setting_up.told(outlet, 10)
    assert row["next_at"] is None
    assert row["error"] == "HubSpot's answer does not speak of this company"
    assert (told.waiting, told.refused) == (0, 1)
    assert len(portal.batches) == 6


@pytest.mark.parametrize("strange", ["a text?", None, 7, [["1"]], {"context": "2"}, {"context": {"ids": "1"}}])
async def test_an_answer_in_shapes_that_nobody_knows_is_read_as_far_as_it_can_be(
    bench: CrmBench, portal: Portal, strange: Any
) -> None:
    await ready(bench, portal)
    accounts = [await bench.account(portal.company(number)) for number in (1, 2, 3)]
    gone = {"status": "error", "message": "gone", "context": {"ids": ["2"]}}
    portal.instead = 207, {"status": "COMPLETE", "results": [strange, {"id": 1}], "errors": [strange, gone]}

    await bench.tell()

    rows = [await bench.row(account) for account in accounts]
    assert [row["digest"] is not None for row in rows] == [True, False, False]
    assert [row["crashes"] for row in rows] == [0, 0, 0]
    assert [row["error"] for row in rows][1:] == ["gone", "HubSpot's answer does not speak of this company"]


@pytest.mark.parametrize("strange", ["text", ["text"], {"a": "b"}, 7])
async def test_a_refusal_in_shapes_that_nobody_knows_is_a_refusal(
    bench: CrmBench, portal: Portal, strange: Any
) -> None:
    await ready(bench, portal)
    account = await bench.account(portal.company(1))
    scopes = {"requiredGranularScopes": strange} if strange == 7 else strange
    portal.instead = 400, {"message": strange, "errors": strange, "context": scopes}

    await bench.tell()

    row = await bench.row(account)
    assert "HubSpot answered 400" in row["error"]
    assert (row["next_at"], row["crashes"]) == (None, 0)


async def test_a_book_goes_out_in_batches_of_a_hundred(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    for number in range(1, 231):
        await bench.account(portal.company(number))
        # Whole records come back, so that an answer is far longer than what was asked.
        portal.companies[str(number)]["about"] = "x" * 2_000

    await bench.tell()

    assert [len(batch) for batch in portal.batches] == [100, 100, 30]
    assert all(one["milepost_score"] == "47.3" for one in portal.companies.values())


async def test_one_wrong_value_spoils_nobody_elses_write(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    options = [{"value": "green"}, {"value": "yellow"}, {"value": "red"}]
    portal.properties["companies"]["milepost_band"] = {"name": "milepost_band", "options": options}
    others = [await bench.account(portal.company(number)) for number in range(1, 20)]
    wrong = await bench.account(portal.company(20), band="unknown")

    await bench.tell()

    assert all([(await bench.row(one))["digest"] is not None for one in others])
    row = await bench.row(wrong)
    assert "not one of the allowed options" in row["error"]
    assert row["next_at"] is None
    assert len(portal.batches) < 12


async def test_write_back_keeps_to_the_rate_of_its_connection_however_often_it_has_to_call(
    bench: CrmBench, portal: Portal
) -> None:
    await ready(bench, portal)
    options = [{"value": "green"}, {"value": "yellow"}, {"value": "red"}]
    portal.properties["companies"]["milepost_band"] = {"name": "milepost_band", "options": options}
    for number in range(1, 25):
        await bench.account(portal.company(number), **({"band": "unknown"} if number % 6 == 0 else {}))

    began = time.monotonic()
    await bench.tell()
    took = time.monotonic() - began

    assert len(portal.batches) > 12
    assert took >= (len(portal.batches) - 1) / 9.0 * 0.95


async def test_write_back_leaves_a_crm_alone_that_rests_and_loses_nothing(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    account = await bench.account(portal.company(1))
    await bench.pool.execute(
        "insert into destination (name, resting_until) values ('our-hubspot', clock_timestamp() + interval '1 minute')"
        " on conflict (name) do update set resting_until = excluded.resting_until"
    )
    await bench.tell()
    row = await bench.row(account)
    assert (portal.batches, row["digest"], "resting" in row["error"]) == ([], None, True)

    await bench.pool.execute("update destination set resting_until = null")
    await bench.pool.execute("update writeback set next_at = clock_timestamp()")
    await bench.tell()
    assert (await bench.row(account))["digest"] is not None


@pytest.mark.parametrize(("policy", "seconds"), [("TEN_SECONDLY_ROLLING", 10), ("DAILY", 3600)])
async def test_a_limit_is_waited_for_as_its_policy_says(
    bench: CrmBench, portal: Portal, policy: str, seconds: int
) -> None:
    await ready(bench, portal)
    account = await bench.account(portal.company(1))
    portal.limited, portal.policy = 1, policy

    await bench.tell()
    wait = await bench.pool.fetchval("select extract(epoch from next_at - clock_timestamp()) from writeback")
    await bench.rested()
    await bench.tell()

    assert seconds - 2 < wait <= seconds
    assert portal.companies["1"]["milepost_score"] == "47.3"
    assert (await bench.row(account))["attempts"] == 0


async def test_a_breakdown_is_followed_by_the_same_write(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    account = await bench.account(portal.company(1))
    portal.lost = 1

    await bench.tell()
    lost = await bench.row(account)
    await bench.tell()

    assert lost["digest"] is None
    assert lost["attempts"] == 1
    assert (await bench.row(account))["digest"] is not None
    assert portal.batches == [["1"], ["1"]]


async def test_missing_properties_and_scopes_are_the_owners_to_mend_and_nothing_is_lost(
    bench: CrmBench, portal: Portal
) -> None:
    outlet = await ready(bench, portal)
    await bench.account(portal.company(1))
    del portal.properties["companies"]["milepost_score"]
    await bench.tell()
    no_property = (await bench.outlets.one(outlet))["off_because"]
    await bench.setting_up.set_up(outlet)
    portal.missing_scope = "crm.objects.companies.write"
    await bench.tell()
    no_scope = (await bench.outlets.one(outlet))["off_because"]
    portal.missing_scope = ""
    await bench.tell()

    assert 'Property "milepost_score" does not exist' in no_property
    assert "milepost crm setup" in no_property
    assert "crm.objects.companies.write" in no_scope
    assert portal.companies["1"]["milepost_score"] == "47.3"
    assert (await bench.outlets.one(outlet))["off_because"] == ""


async def test_a_portal_that_is_switched_on_again_hears_what_it_missed(bench: CrmBench, portal: Portal) -> None:
    outlet = await ready(bench, portal)
    reference = portal.company(1)
    account = await bench.account(reference)
    await bench.tell()
    await bench.outlets.change(outlet, {"active": False})
    await bench.say(account, (reference,), score=12.5)
    await bench.tell()
    away = portal.companies["1"]["milepost_score"]

    await bench.outlets.change(outlet, {"active": True})
    await bench.tell()

    assert away == "47.3"
    assert portal.companies["1"]["milepost_score"] == "12.5"


async def test_an_account_without_a_name_in_this_portal_is_passed_over(bench: CrmBench, portal: Portal) -> None:
    await ready(bench, portal)
    account = await bench.account("hubspot:9999:1", "domain:acme.com", f"hubspot:{PORTAL}:contact:5")

    await bench.tell()

    assert portal.batches == []
    assert "no name of the account" in (await bench.row(account))["error"]
