"""Claims about telling Salesforce of health: let in by a signed assertion, each record of a collection by itself."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from support.crm_bench import CrmBench
from support.salesforce_org import CLIENT, ORGANISATION, USER, Organisation, salesforce_org

from milepost_contracts.references import salesforce_id
from playbook_runner.actions.crm.salesforce import FIELDS
from playbook_runner.connections.setting_up import SetUpFailed


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Organisation]:
    async with salesforce_org() as organisation:
        yield organisation


@pytest.fixture
def organisation(served: Organisation) -> Organisation:
    """The same key and address for every test, and nothing else."""
    for kept in (served.accounts, served.tasks, served.permission_sets, served.calls, served.batches, served.logins):
        kept.clear()
    for known in (served.fields, served.granted, served.assigned, served.sessions, served.locked):
        known.clear()
    served.limited, served.lost, served.instead = False, 0, None
    return served


def settings(organisation: Organisation, **more: Any) -> dict[str, Any]:
    # Fifteen characters, as people copy them.
    return organisation.settings | {"organization_id": ORGANISATION[:15], **more}


async def ready(bench: CrmBench, organisation: Organisation) -> UUID:
    outlet = await bench.connect("salesforce", settings(organisation), {"private_key": organisation.pem})
    await bench.setting_up.set_up(outlet)
    organisation.calls.clear()
    return outlet


def number_of(place: int) -> str:
    """Return an account's id of eighteen characters whose ending is right."""
    found = salesforce_id(f"001ak{place:010d}")
    assert found is not None
    return found


def company(organisation: Organisation, place: int) -> str:
    organisation.accounts[number_of(place)] = {"Name": f"Company {place}"}
    return f"salesforce:{ORGANISATION}:{number_of(place)}"


async def test_a_set_up_makes_fields_and_the_right_to_write_them_once(
    bench: CrmBench, organisation: Organisation
) -> None:
    outlet = await bench.connect("salesforce", settings(organisation), {"private_key": organisation.pem})

    _, made, _ = await bench.setting_up.set_up(outlet)
    _, again, _ = await bench.setting_up.set_up(outlet)

    assert set(made.values()) == {"made"}
    assert set(again.values()) == {"there"}
    assert organisation.fields == set(FIELDS)
    assert {name.replace("Task.", "Activity.") for name in organisation.granted} == set(FIELDS)
    assert {user for user, _ in organisation.assigned} == {USER}
    assert organisation.logins[0]["iss"] == CLIENT


async def test_an_account_is_told_score_band_reason_model_and_moment(
    bench: CrmBench, organisation: Organisation
) -> None:
    await ready(bench, organisation)
    account = await bench.account(company(organisation, 1))

    await bench.tell()

    document = bench.scoring.documents[account]
    assert organisation.accounts[number_of(1)] == {
        "Name": "Company 1",
        "Milepost_Score__c": 47.3,
        "Milepost_Band__c": "red",
        "Milepost_Top_Reason__c": document.drivers[0].sentence,
        "Milepost_Model__c": "b2b-onboarding v1",
        "Milepost_Computed_At__c": document.computed_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }


async def test_records_that_fail_inside_a_success_are_told_apart(bench: CrmBench, organisation: Organisation) -> None:
    await ready(bench, organisation)
    kept = await bench.account(company(organisation, 1))
    locked = await bench.account(company(organisation, 2))
    gone = await bench.account(f"salesforce:{ORGANISATION}:{number_of(3)}")
    organisation.locked.add(number_of(2))

    await bench.tell()
    rows = [await bench.row(one) for one in (kept, locked, gone)]
    organisation.locked.clear()
    await bench.tell()

    assert [row["digest"] is not None for row in rows] == [True, False, False]
    assert rows[1]["next_at"] is not None
    assert "UNABLE_TO_LOCK_ROW" in rows[1]["error"]
    assert rows[2]["next_at"] is None
    assert "ENTITY_IS_DELETED" in rows[2]["error"]
    assert organisation.accounts[number_of(2)]["Milepost_Score__c"] == 47.3
    assert organisation.batches[-1] == [number_of(2)]


async def test_a_book_goes_out_in_collections_of_two_hundred(bench: CrmBench, organisation: Organisation) -> None:
    await ready(bench, organisation)
    for place in range(1, 251):
        await bench.account(company(organisation, place))

    await bench.tell()

    assert [len(batch) for batch in organisation.batches] == [200, 50]


async def test_a_session_that_ended_is_replaced_once_and_the_write_repeated(
    bench: CrmBench, organisation: Organisation
) -> None:
    await ready(bench, organisation)
    await bench.account(company(organisation, 1))
    logins = len(organisation.logins)
    organisation.sessions.clear()

    await bench.tell()

    assert len(organisation.logins) == logins + 1
    assert organisation.accounts[number_of(1)]["Milepost_Score__c"] == 47.3


async def test_the_days_limit_puts_the_book_off_and_fields_that_we_may_not_write_are_the_owners_to_mend(
    bench: CrmBench, organisation: Organisation
) -> None:
    outlet = await ready(bench, organisation)
    await bench.account(company(organisation, 1))
    organisation.limited = True
    await bench.tell()
    wait = await bench.pool.fetchval("select extract(epoch from next_at - clock_timestamp()) from writeback")
    organisation.limited = False
    organisation.granted.clear()
    await bench.rested()
    await bench.tell()
    because = (await bench.outlets.one(outlet))["off_because"]
    await bench.setting_up.set_up(outlet)
    await bench.tell()

    assert 890 < wait <= 900
    assert "INVALID_FIELD_FOR_INSERT_UPDATE" in because
    assert organisation.accounts[number_of(1)]["Milepost_Score__c"] == 47.3
    assert (await bench.outlets.one(outlet))["off_because"] == ""


async def test_client_credentials_let_in_as_well_and_wrong_ones_are_told(
    bench: CrmBench, organisation: Organisation
) -> None:
    right = await bench.connect(
        "salesforce", settings(organisation), {"client_secret": "secret-of-the-client"}, "with-secret"
    )
    wrong = await bench.connect(
        "salesforce", settings(organisation), {"client_secret": "secret-of-nobody"}, "with-wrong-secret"
    )

    _, made, _ = await bench.setting_up.set_up(right)
    with pytest.raises(SetUpFailed, match="invalid_client"):
        await bench.setting_up.set_up(wrong)

    assert "permission set Milepost" in made


async def test_an_account_without_a_score_clears_the_field(bench: CrmBench, organisation: Organisation) -> None:
    await ready(bench, organisation)
    reference = company(organisation, 1)
    account = await bench.account(reference)
    await bench.tell()
    await bench.say(account, (reference,), score=None, band="unknown")
    await bench.tell()

    assert organisation.accounts[number_of(1)]["Milepost_Score__c"] is None
    assert organisation.accounts[number_of(1)]["Milepost_Band__c"] == "unknown"


async def test_an_account_that_nobody_leads_to_any_more_is_cleared_once(
    bench: CrmBench, organisation: Organisation
) -> None:
    await ready(bench, organisation)
    account = await bench.account(company(organisation, 1))
    await bench.tell()

    await bench.say(account, (company(organisation, 2),))
    await bench.tell()
    await bench.tell()

    left = organisation.accounts[number_of(1)]
    assert {name: value for name, value in left.items() if name != "Name"} == {
        "Milepost_Score__c": None,
        "Milepost_Band__c": None,
        "Milepost_Top_Reason__c": None,
        "Milepost_Model__c": None,
        "Milepost_Computed_At__c": None,
    }
    assert organisation.accounts[number_of(2)]["Milepost_Score__c"] == 47.3
    assert organisation.batches == [[number_of(1)], [number_of(1)], [number_of(2)]]


async def test_a_result_in_a_shape_that_nobody_knows_is_no_success_and_no_crash(
    bench: CrmBench, organisation: Organisation
) -> None:
    await ready(bench, organisation)
    accounts = [await bench.account(company(organisation, place)) for place in (1, 2, 3)]
    organisation.instead = ["a text?", {"success": "yes", "errors": "none"}, {"success": False, "errors": [7, None]}]

    await bench.tell()

    rows = [await bench.row(account) for account in accounts]
    assert [(row["digest"], row["crashes"]) for row in rows] == [(None, 0)] * 3
    assert sorted(row["error"] for row in rows) == [
        "Salesforce's answer for this account could not be read", "refused", "refused",
    ]  # fmt: skip
