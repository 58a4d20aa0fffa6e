"""Claims about what an override may not be: each refusal names its place and what is wrong there."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.people import OVERRIDE, Office, fault
from support.scored import clock


@pytest.fixture(scope="module")
async def shared(office: Office) -> UUID:
    """A customer for claims that change nothing."""
    return await office.customer()


@pytest.fixture
async def account(office: Office) -> UUID:
    return await office.customer()


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"score": 50}, "/band", "override_refused"),
        ({"band": None}, "/band", "override_refused"),
        ({"band": "unknown"}, "/band", "unknown_band"),
        ({"band": "yelow"}, "/band", "unknown_band"),
        ({"band": None, "score": 101}, "/score", "override_refused"),
        ({"band": None, "score": "50"}, "/score", "wrong_type"),
        ({"reason": ""}, "/reason", "bad_string"),
        ({"reason": " \n "}, "/reason", "bad_string"),
        ({"reason": "a\x07b"}, "/reason", "bad_string"),
        ({"reason": "x" * 1001}, "/reason", "bad_string"),
        ({"author": ""}, "/author", "bad_string"),
        ({"author": "two\nlines"}, "/author", "bad_string"),
        ({"author": "x" * 201}, "/author", "bad_string"),
        ({"days": 31}, "/days", "out_of_range"),
        ({"days": 0}, "/days", "out_of_range"),
        ({"days": None}, "/days", "no_end"),
        ({"expires_at": "2031-01-01T00:00:00Z"}, "/days", "one_end"),
        ({"days": None, "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at", "override_refused"),
        ({"days": None, "expires_at": "2131-01-01T00:00:00Z"}, "/expires_at", "override_refused"),
        ({"days": None, "expires_at": "tomorrow"}, "/expires_at", "bad_time"),
        ({"until": "friday"}, "/until", "unknown_field"),
    ],
)
async def test_an_override_that_breaks_a_rule_is_refused_at_its_place(
    client: httpx.AsyncClient, shared: UUID, change: dict[str, Any], pointer: str, code: str
) -> None:
    answer = await client.post(f"/accounts/{shared}/override", json=OVERRIDE | change)

    assert fault(answer) == (422, pointer, code), answer.text
    assert (await client.get(f"/accounts/{shared}/override")).json()["history"] == []


async def test_a_band_that_is_nearly_one_is_told_the_near_one(client: httpx.AsyncClient, shared: UUID) -> None:
    answer = await client.post(f"/accounts/{shared}/override", json=OVERRIDE | {"band": "yelow"})

    assert "did you mean yellow?" in answer.json()["errors"][0]["detail"]


async def test_thirty_days_are_allowed_and_a_moment_more_is_not(
    office: Office, client: httpx.AsyncClient, account: UUID
) -> None:
    longer = (await clock(office.web.owner) + timedelta(days=30, seconds=30)).isoformat()
    refused = await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"days": None, "expires_at": longer})
    taken = await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"days": 30})

    assert (refused.status_code, taken.status_code) == (422, 201)
