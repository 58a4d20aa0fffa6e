"""Claims about overrides: signed, limited, counted above the score and never instead of it."""

from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from support.histories import Told, new_account, tell
from support.people import OVERRIDE, Office, fault, health
from support.scored import clock, score, thriving


@pytest.fixture(scope="module")
async def shared(office: Office) -> UUID:
    """A customer for claims that change nothing."""
    return await office.customer()


@pytest.fixture
async def account(office: Office) -> UUID:
    return await office.customer()


async def test_an_override_is_signed_limited_and_shown(client: httpx.AsyncClient, account: UUID) -> None:
    made = await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"author": "Dana Reyes"})
    shown = (await client.get(f"/accounts/{account}/override")).json()

    assert made.status_code == 201, made.text
    one = made.json()
    assert (one["author"], one["told_by"], one["state"]) == ("Dana Reyes", "crm bridge", "active")
    assert shown == {"account_id": str(account), "current": one, "history": [one]}


async def test_who_gives_no_author_signs_with_the_name_of_the_key(client: httpx.AsyncClient, account: UUID) -> None:
    made = (await client.post(f"/accounts/{account}/override", json=OVERRIDE)).json()

    assert (made["author"], made["told_by"]) == ("crm bridge", "crm bridge")


async def test_an_override_counts_above_the_score_and_leaves_it_as_it_is(
    office: Office, client: httpx.AsyncClient, account: UUID
) -> None:
    before = await health(client, account)
    await client.post(f"/accounts/{account}/override", json=OVERRIDE)
    await office.turn()
    after = await health(client, account)
    change = (await client.get("/changes", params={"account": str(account)})).json()["data"][-1]

    assert (before["effective_band"]["band"], before["effective_band"]["because"]) == ("green", "model")
    assert (after["effective_band"]["band"], after["effective_band"]["because"]) == ("red", "override")
    assert (after["score"], after["band"]) == (before["score"], before["band"])
    assert [one["points"] for one in after["drivers"]] == [one["points"] for one in before["drivers"]]
    assert (change["kind"], change["from_band"], change["to_band"], change["cause"]) == (
        "band_changed", "green", "red", "human",
    )  # fmt: skip


async def test_an_override_by_score_is_a_band_by_the_models_thresholds(
    office: Office, client: httpx.AsyncClient, account: UUID
) -> None:
    await client.post(f"/accounts/{account}/override", json={"score": 55, "reason": "Lukewarm call.", "days": 3})
    await office.turn()

    assert (await health(client, account))["effective_band"]["band"] == "yellow"


async def test_a_hard_gate_beats_an_override(office: Office, client: httpx.AsyncClient, account: UUID) -> None:
    now = await clock(office.web.owner)
    await tell(office.web.owner, [Told(account, "cancellation.noticed", now - timedelta(seconds=1))])
    await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"band": "green"})
    await office.turn()
    found = (await health(client, account))["effective_band"]

    assert (found["band"], found["because"]) == ("red", "gate")


async def test_an_override_that_is_ended_counts_no_longer(
    office: Office, client: httpx.AsyncClient, account: UUID
) -> None:
    await client.post(f"/accounts/{account}/override", json=OVERRIDE)
    await office.turn()
    ended = await client.request(
        "DELETE", f"/accounts/{account}/override", json={"reason": "They stay.", "author": "Ola"}
    )
    await office.turn()
    again = await client.delete(f"/accounts/{account}/override")
    shown = (await client.get(f"/accounts/{account}/override")).json()

    assert (ended.status_code, again.status_code) == (204, 404)
    assert shown["current"] is None
    assert [(one["state"], one["ended_by"], one["ended_because"]) for one in shown["history"]] == [
        ("ended", "Ola", "They stay.")
    ]
    assert (await health(client, account))["effective_band"]["because"] == "model"


async def test_an_override_ends_by_itself_and_the_account_is_looked_at_then(
    office: Office, client: httpx.AsyncClient, account: UUID
) -> None:
    await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"days": 0.01})
    await office.turn()
    ends, next_at = await office.web.owner.fetchrow(
        "select o.expires_at, r.next_at from scoring.override o join scoring.rescoring r using (account_id)"
        " where account_id = $1",
        account,
    )
    await office.web.owner.execute(
        "update scoring.override set created_at = created_at - interval '1 hour', expires_at = expires_at"
        " - interval '1 hour' where account_id = $1",
        account,
    )
    await office.due(account)
    shown = (await client.get(f"/accounts/{account}/override")).json()

    assert timedelta(0) <= next_at - ends < timedelta(seconds=2)
    assert (shown["current"], shown["history"][0]["state"]) == (None, "expired")
    assert (await health(client, account))["effective_band"]["because"] == "model"


async def test_a_new_override_takes_the_place_of_the_one_in_force(client: httpx.AsyncClient, account: UUID) -> None:
    await client.post(f"/accounts/{account}/override", json=OVERRIDE)
    await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"band": "yellow", "reason": "Talks go on."})
    history = (await client.get(f"/accounts/{account}/override")).json()["history"]

    assert [(one["band"], one["state"]) for one in history] == [("yellow", "active"), ("red", "replaced")]


@pytest.mark.parametrize("reason", [OVERRIDE["reason"], "  their SPONSOR told us that\nthey are leaving. "])
async def test_renewing_an_override_needs_a_new_reason(client: httpx.AsyncClient, account: UUID, reason: str) -> None:
    await client.post(f"/accounts/{account}/override", json=OVERRIDE)
    while_active = await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"reason": reason})
    await client.delete(f"/accounts/{account}/override")
    soon_after = await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"reason": reason})
    new = await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"reason": "They said it again."})

    for refused in (while_active, soon_after):
        assert fault(refused) == (422, "/reason", "override_refused")
        assert "new reason" in refused.json()["detail"]
    assert new.status_code == 201


async def test_long_after_an_override_the_same_reason_is_new(
    office: Office, client: httpx.AsyncClient, account: UUID
) -> None:
    await client.post(f"/accounts/{account}/override", json=OVERRIDE)
    await office.web.owner.execute(
        "update scoring.override set created_at = created_at - interval '41 days', expires_at = expires_at"
        " - interval '41 days' where account_id = $1",
        account,
    )

    assert (await client.post(f"/accounts/{account}/override", json=OVERRIDE)).status_code == 201


async def test_only_a_key_that_may_write_overrides(office: Office, shared: UUID) -> None:
    async with office.web.client(key=office.web.reader) as reader, office.web.client() as nobody:
        for method in ("POST", "DELETE"):
            refused = await reader.request(method, f"/accounts/{shared}/override", json=OVERRIDE)
            assert refused.status_code == 403
        assert (await reader.get(f"/accounts/{shared}/override")).status_code == 200
        assert (await nobody.get("/overrides")).status_code == 401


async def test_an_account_that_nobody_knows_is_404_with_near_matches(client: httpx.AsyncClient, shared: UUID) -> None:
    misspelled = await client.post("/accounts/domain:blue-fjord.exampel/override", json=OVERRIDE)
    unknown = await client.post(f"/accounts/{uuid4()}/override", json=OVERRIDE)

    assert (misspelled.status_code, unknown.status_code) == (404, 404)
    assert "Blue Fjord Insurance" in misspelled.json()["errors"][0]["detail"]


async def test_a_named_request_overrides_once(client: httpx.AsyncClient, account: UUID) -> None:
    named = {"idempotency-key": f"once-{account}"}
    first = await client.post(f"/accounts/{account}/override", json=OVERRIDE, headers=named)
    again = await client.post(f"/accounts/{account}/override", json=OVERRIDE, headers=named)
    other = await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"days": 2}, headers=named)

    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert other.status_code == 422
    assert len((await client.get(f"/accounts/{account}/override")).json()["history"]) == 1


async def test_a_reference_names_the_account_as_well_as_its_id(office: Office, client: httpx.AsyncClient) -> None:
    account, now = new_account(), await clock(office.web.owner)
    named = Told(account, "account.linked", now - timedelta(days=60), value_text="external:a/b")
    await score(office.web, office.pool, [[*thriving(account, now), named]])
    made = await client.post("/accounts/external:a%2Fb/override", json=OVERRIDE)

    assert (made.status_code, made.json().get("account_id")) == (201, str(account))


async def test_overrides_of_all_accounts_are_listed_page_by_page(office: Office, client: httpx.AsyncClient) -> None:
    accounts = [await office.customer() for _ in range(3)]
    for account in accounts:
        await client.post(f"/accounts/{account}/override", json=OVERRIDE)
    await client.delete(f"/accounts/{accounts[1]}/override")
    found: list[tuple[str, str]] = []
    cursor: str | None = None
    while True:
        query = {"active": "true", "limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/overrides", params=query)).json()
        found += [(row["account"]["id"], row["account"]["name"]) for row in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    over = [row["account"]["id"] for row in (await client.get("/overrides?active=false")).json()["data"]]
    broken = await client.get("/overrides", params={"active": False, "cursor": "x.y"})

    assert found[:2] == [(str(account), "Blue Fjord Insurance") for account in (accounts[2], accounts[0])]
    assert len(found) == len(set(found))
    assert str(accounts[1]) in over
    assert (broken.status_code, broken.json()["errors"][0]["code"]) == (400, "cursor_broken")


async def test_an_override_moves_with_a_merge_and_one_word_is_in_force(
    office: Office, client: httpx.AsyncClient
) -> None:
    gone, survivor, other = [await office.customer() for _ in range(3)]
    await client.post(f"/accounts/{gone}/override", json=OVERRIDE)
    await client.post(f"/accounts/{other}/override", json=OVERRIDE | {"band": "yellow"})
    now = await clock(office.web.owner)
    await tell(office.web.owner, [Told(gone, "account.merged", now, value_text=str(survivor))])
    await office.turn()
    moved = (await client.get(f"/accounts/{survivor}/override")).json()
    await tell(office.web.owner, [Told(survivor, "account.merged", now, value_text=str(other))])
    await office.turn()
    joined = (await client.get(f"/accounts/{gone}/override")).json()

    assert moved["current"]["band"] == "red"
    assert joined["account_id"] == str(other)
    assert joined["current"]["band"] == "yellow"
    assert sorted(one["state"] for one in joined["history"]) == ["active", "ended"]


async def test_two_overrides_at_once_leave_one_in_force(office: Office, account: UUID) -> None:
    import asyncio

    async with office.client() as one, office.client() as two:
        answers = await asyncio.gather(
            *(
                who.post(f"/accounts/{account}/override", json=OVERRIDE | {"reason": f"Reason {place}."})
                for place, who in enumerate((one, two, one, two))
            )
        )
        history = (await one.get(f"/accounts/{account}/override")).json()["history"]

    assert [answer.status_code for answer in answers] == [201] * 4
    assert sorted(one["state"] for one in history) == ["active", "replaced", "replaced", "replaced"]
