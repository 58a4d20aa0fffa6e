"""Claims about pulses: a person's word that the model weighs, that ends by itself, and that can be taken back."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.histories import Told, tell
from support.people import PULSE, Office, fault, health
from support.scored import clock


@pytest.fixture(scope="module")
async def shared(office: Office) -> UUID:
    """A customer for claims that change nothing."""
    return await office.customer()


@pytest.fixture
async def account(office: Office) -> UUID:
    return await office.customer()


async def signal(client: httpx.AsyncClient, account: UUID, name: str = "pulse") -> dict[str, Any]:
    """The figures of the law for one signal of today's score."""
    found: dict[str, Any] = (await client.get(f"/accounts/{account}/explanation")).json()["figures"]["signals"][name]
    return found


async def test_a_pulse_is_signed_and_ends_after_ninety_days_unless_said_otherwise(
    client: httpx.AsyncClient, account: UUID
) -> None:
    made = await client.post(f"/accounts/{account}/pulse", json=PULSE | {"author": "Dana Reyes"})
    one = made.json()
    shown = (await client.get(f"/accounts/{account}/pulse")).json()

    assert made.status_code == 201, made.text
    assert (one["value"], one["author"], one["told_by"], one["state"]) == (15.0, "Dana Reyes", "crm bridge", "stands")
    assert (one["counts"], one["why"]) == (None, "the score was not told anew since")
    life = datetime.fromisoformat(one["expires_at"]) - datetime.fromisoformat(one["given_at"])
    assert abs(life - timedelta(days=90)) < timedelta(seconds=1)
    assert shown == {"account_id": str(account), "current": one, "history": [one]}


async def test_a_pulse_moves_the_score_by_a_limited_weight_and_says_whose_word_it_was(
    office: Office, client: httpx.AsyncClient, account: UUID
) -> None:
    before, silent = await health(client, account), await signal(client, account)
    await client.post(f"/accounts/{account}/pulse", json=PULSE)
    await office.turn()
    after, heard = await health(client, account), await signal(client, account)
    change = (await client.get("/changes", params={"account": str(account)})).json()["data"]
    evidence = (await client.get(f"/accounts/{account}/evidence/pulse")).json()["records"]

    assert silent["e"] in (None, 0.0)
    assert heard["raw"] == 15.0
    assert 0 < heard["e"] <= 0.2
    assert after["score"] < before["score"]
    assert {one["cause"] for one in change[1:]} <= {"human"}
    assert [(one["actor"], one["properties"]["reason"]) for one in evidence] == [("crm bridge", PULSE["reason"])]


async def test_an_expired_pulse_counts_no_longer_by_itself_and_its_weight_goes_to_the_others(
    office: Office, client: httpx.AsyncClient, account: UUID
) -> None:
    before = await health(client, account)
    await client.post(f"/accounts/{account}/pulse", json=PULSE | {"days": 0.05})
    await office.turn()
    with_it = await health(client, account)
    ends, next_at = await office.web.owner.fetchrow(
        "select e.expires_at, r.next_at from scoring.record e join scoring.rescoring r using (account_id)"
        " where account_id = $1 and e.type = 'pulse.given'",
        account,
    )
    await office.web.owner.execute(
        "update scoring.record set occurred_at = occurred_at - interval '2 hours', recorded_at = recorded_at"
        " - interval '2 hours', expires_at = expires_at - interval '2 hours'"
        " where account_id = $1 and type = 'pulse.given'",
        account,
    )
    await office.due(account)
    after, silent = await health(client, account), await signal(client, account)

    assert timedelta(0) <= next_at - ends < timedelta(seconds=2), "the account is looked at when the pulse ends"
    assert with_it["score"] < before["score"]
    assert after["score"] == before["score"]
    assert silent["e"] in (None, 0.0)
    assert "pulse" in {one["signal"] for one in after["missing"]}
    shown = (await client.get(f"/accounts/{account}/pulse")).json()
    assert (shown["current"], shown["history"][0]["state"]) == (None, "expired")


async def test_a_pulse_that_is_taken_back_stays_in_the_history(
    office: Office, client: httpx.AsyncClient, account: UUID
) -> None:
    before = await health(client, account)
    made = (await client.post(f"/accounts/{account}/pulse", json=PULSE)).json()
    await office.turn()
    taken = await client.delete(f"/accounts/{account}/pulse/{made['id']}")
    again = await client.delete(f"/accounts/{account}/pulse/{made['id']}")
    await office.turn()
    history = (await client.get(f"/accounts/{account}/pulse")).json()["history"]
    kept = await office.web.owner.fetchval(
        "select properties ->> 'taken_back_by' from scoring.record where event_id = $1", made["id"]
    )

    assert (taken.status_code, again.status_code) == (204, 404)
    assert [(one["id"], one["state"]) for one in history] == [(made["id"], "taken_back")]
    assert kept == "crm bridge"
    assert (await health(client, account))["score"] == before["score"]


async def test_the_newest_pulse_counts_and_when_it_is_taken_back_the_one_before(
    office: Office, client: httpx.AsyncClient, account: UUID
) -> None:
    await client.post(f"/accounts/{account}/pulse", json=PULSE | {"value": 40, "author": "Ola"})
    newest = (await client.post(f"/accounts/{account}/pulse", json=PULSE | {"value": "good"})).json()
    await office.turn()
    first = await signal(client, account)
    states = [one["state"] for one in (await client.get(f"/accounts/{account}/pulse")).json()["history"]]
    await client.delete(f"/accounts/{account}/pulse/{newest['id']}")
    await office.turn()

    assert (first["raw"], states) == (85.0, ["stands", "older"])
    assert (await signal(client, account))["raw"] == 40.0


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"value": "great"}, "/value", "unknown_word"),
        ({"value": 101}, "/value", "out_of_range"),
        ({"value": -0.1}, "/value", "out_of_range"),
        ({"value": True}, "/value", "wrong_type"),
        ({"value": "50"}, "/value", "unknown_word"),
        ({"value": None}, "/value", "wrong_type"),
        ({"reason": ""}, "/reason", "bad_string"),
        ({"days": 366}, "/days", "out_of_range"),
        ({"days": 1e-10}, "/days", "pulse_refused"),
        ({"days": 0.04}, "/days", "pulse_refused"),
        ({"reason": "fine\u202eeman"}, "/reason", "bad_string"),
        ({"reason": "fine\u2067eman"}, "/reason", "bad_string"),
        ({"author": "fine\u202eeman"}, "/author", "bad_string"),
        ({"days": 1, "expires_at": "2031-01-01T00:00:00Z"}, "/days", "one_end"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at", "pulse_refused"),
        ({"expires_at": "2131-01-01T00:00:00Z"}, "/expires_at", "pulse_refused"),
    ],
)
async def test_a_pulse_that_breaks_a_rule_is_refused_at_its_place(
    client: httpx.AsyncClient, shared: UUID, change: dict[str, Any], pointer: str, code: str
) -> None:
    answer = await client.post(f"/accounts/{shared}/pulse", json=PULSE | change)

    assert fault(answer) == (422, pointer, code), answer.text
    assert (await client.get(f"/accounts/{shared}/pulse")).json()["history"] == []


async def test_a_named_request_gives_one_pulse(client: httpx.AsyncClient, account: UUID) -> None:
    named = {"idempotency-key": f"pulse-{account}"}
    first = await client.post(f"/accounts/{account}/pulse", json=PULSE, headers=named)
    again = await client.post(f"/accounts/{account}/pulse", json=PULSE, headers=named)

    assert again.json() == first.json()
    assert len((await client.get(f"/accounts/{account}/pulse")).json()["history"]) == 1


async def test_a_pulse_moves_with_a_merge(office: Office, client: httpx.AsyncClient, account: UUID) -> None:
    survivor = await office.customer()
    made = (await client.post(f"/accounts/{account}/pulse", json=PULSE)).json()
    now = await clock(office.web.owner)
    await tell(office.web.owner, [Told(account, "account.merged", now, value_text=str(survivor))])
    await office.turn()
    shown = (await client.get(f"/accounts/{survivor}/pulse")).json()

    assert shown["current"] == made | {"account_id": str(survivor), "counts": True, "why": ""}
    assert (await signal(client, survivor))["raw"] == 15.0


async def test_a_record_without_a_number_is_no_pulse(office: Office, client: httpx.AsyncClient, account: UUID) -> None:
    given = (await client.post(f"/accounts/{account}/pulse", json=PULSE)).json()
    now = await clock(office.web.owner)
    await tell(office.web.owner, [Told(account, "pulse.given", now, actor="CEO")])
    await office.turn()
    shown = (await client.get(f"/accounts/{account}/pulse")).json()

    assert [one["id"] for one in shown["history"]] == [given["id"]]
    assert (shown["current"]["state"], shown["current"]["counts"]) == ("stands", True)
    assert (await signal(client, account))["raw"] == 15.0
