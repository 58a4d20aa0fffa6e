"""Claims about lists, changes, history, explanation, evidence and models: strict questions, whole answers, no gaps."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest
from support.health_documents import ACCOUNT, NOW, days, document
from support.scoring_web import Web, keep, running

from scoring_api.answers.views import BatchAnswer
from scoring_api.routers import examples

BANDS = ("red", "yellow", "green", "unknown")


def member(number: int) -> Any:
    """One of twelve accounts: scores rise with the number, bands and owners take turns; one has no score."""
    band = BANDS[number % 4]
    score = None if number == 11 else 20.0 + 5 * number
    return document(
        account={
            "id": UUID(int=number + 1),
            "name": f"{'Álpha' if number % 2 else 'beta'} {number:02}",
            "segment": "smb" if number < 6 else "enterprise",
            "stage": "early",
            "owner": f"Owner {number % 3}",
            "references": [f"external:acct_{number:02}"],
        },
        score=score,
        band=band,
        effective_band={"band": band, "because": "model"},
        trend={"word": "steady", "change_28d": -12.0 if number == 2 else 1.0},
        computed_at=NOW - timedelta(minutes=number),
    )


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        for number in range(12):
            await keep(made.owner, member(number))
        await keep(made.owner, document(), days(count=60, restated=20))
        yield made


@pytest.fixture
async def client(web: Web) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=web.reader) as made:
        yield made


async def ids_of(client: httpx.AsyncClient, **query: Any) -> list[str]:
    """Walk all pages by the Link header."""
    found: list[str] = []
    url: httpx.URL | str | None = httpx.URL("/accounts", params=query)
    while url is not None:
        answer = await client.get(url)
        assert answer.status_code == 200, answer.text
        found += [row["account"]["id"] for row in answer.json()["data"]]
        following = answer.links.get("next")
        assert (following is None) == (answer.json()["next_cursor"] is None)
        url = following["url"] if following else None
    return found


@pytest.mark.parametrize("sort", ["urgency", "score", "-score", "name", "-name", "change_28d", "-computed_at"])
@pytest.mark.parametrize("limit", [1, 5, 13, 200])
async def test_pages_hold_every_account_once_in_every_order(client: httpx.AsyncClient, sort: str, limit: int) -> None:
    walked = await ids_of(client, sort=sort, limit=limit)

    assert len(walked) == 13
    assert walked == await ids_of(client, sort=sort, limit=200)
    assert len(set(walked)) == 13


async def test_the_most_urgent_come_first(client: httpx.AsyncClient) -> None:
    rows = (await client.get("/accounts")).json()["data"]
    bands = [row["effective_band"]["band"] for row in rows]

    assert bands[:3] == ["red", "red", "red"]
    assert [row["score"] for row in rows[:3]] == [20.0, 40.0, 60.0]
    assert rows[3]["account"]["id"] == str(ACCOUNT)
    assert rows[4]["account"]["id"] == str(UUID(int=3)), "a fall of ten points asks for a person in any band"
    assert bands[5:] == sorted(bands[5:], key=["yellow", "unknown", "green"].index)


async def test_a_score_never_travels_without_band_confidence_model_and_moment(client: httpx.AsyncClient) -> None:
    row = (await client.get("/accounts", params={"limit": 1})).json()["data"][0]

    for name in ("band", "effective_band", "confidence", "model", "as_of", "computed_at", "fresh_until"):
        assert row[name] is not None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"band": "red"}, {0, 4, 8}),
        ({"band": "red,unknown"}, {0, 3, 4, 7, 8, 11}),
        ({"segment": "enterprise", "owner": "Owner 0"}, {6, 9}),
        ({"q": "BETA 0"}, {0, 2, 4, 6, 8}),
        ({"q": "acct_03"}, {3}),
        ({"q": "acct%03"}, set()),
        ({"stage": "value"}, set()),
    ],
)
async def test_filters_narrow_and_wildcards_are_letters(
    client: httpx.AsyncClient, query: dict[str, str], expected: set[int]
) -> None:
    found = await ids_of(client, **query)

    assert set(found) == {str(UUID(int=number + 1)) for number in expected}


@pytest.mark.parametrize("spoil", [lambda c: c[:-1], lambda c: "x" + c, lambda c: c.partition(".")[0], lambda _: "é"])
async def test_a_cursor_that_we_did_not_make_is_400(client: httpx.AsyncClient, spoil: Any) -> None:
    cursor = (await client.get("/accounts", params={"limit": 2})).json()["next_cursor"]
    answer = await client.get("/accounts", params={"limit": 2, "cursor": spoil(cursor)})

    assert answer.status_code == 400
    assert answer.json()["type"].endswith("/cursor_broken")


async def test_a_cursor_does_not_change_lists(client: httpx.AsyncClient) -> None:
    cursor = (await client.get("/accounts", params={"limit": 2})).json()["next_cursor"]

    for other in ({"sort": "name"}, {"band": "red"}):
        answer = await client.get("/accounts", params={"limit": 2, "cursor": cursor} | other)
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("sort=score;drop", "query:sort"),
        ("limit=0", "query:limit"),
        ("limit=201", "query:limit"),
        ("limit=ten", "query:limit"),
        ("band=orange", "query:band"),
        ("bnad=red", "query:bnad"),
        ("band=red&band=green", "query:band"),
        ("segment=", "query:segment"),
    ],
)
async def test_a_question_with_a_mistake_is_422_at_its_place(
    client: httpx.AsyncClient, query: str, pointer: str
) -> None:
    answer = await client.get(f"/accounts?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_batch_answers_in_order_and_names_what_it_does_not_know(client: httpx.AsyncClient) -> None:
    asked = ["external:acct_05", str(ACCOUNT), "domain:nobody.example", "hubspot:4711:90210", str(UUID(int=999))]
    answer = (await client.post("/accounts/health:batch", json={"ids": asked})).json()

    assert [one["account"]["id"] for one in answer["data"]] == [str(UUID(int=6)), str(ACCOUNT)]
    assert answer["unknown"] == ["domain:nobody.example", str(UUID(int=999))]
    assert answer["not_scored"] == []


async def test_documents_of_a_batch_are_those_that_are_answered_alone(client: httpx.AsyncClient) -> None:
    accounts = ["external:acct_05", str(ACCOUNT), str(UUID(int=6))]
    answer = await client.post("/accounts/health:batch", json={"ids": accounts})
    alone = [(await client.get(f"/accounts/{quote(one, safe='')}/health")).json() for one in accounts[:2]]

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["data"] == alone
    BatchAnswer.model_validate_json(answer.content)


async def test_a_batch_finds_a_reference_in_any_way_to_write_it(client: httpx.AsyncClient) -> None:
    asked = ["domain:WWW.HarbourPine.example.", "domain:harbourpine.example", "domain:no domain"]
    answer = (await client.post("/accounts/health:batch", json={"ids": asked})).json()
    assert [one["account"]["id"] for one in answer["data"]] == [str(ACCOUNT)]
    assert answer["unknown"] == ["domain:no domain"]


@pytest.mark.parametrize("body", [{}, {"ids": []}, {"ids": ["x"] * 201}, {"ids": ["x"], "more": 1}, {"ids": "x"}])
async def test_a_batch_that_is_none_is_422(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await client.post("/accounts/health:batch", json=body)).status_code == 422


async def add_changes(web: Web, count: int) -> None:
    await web.owner.execute(
        "insert into scoring.change (account_id, kind, from_band, to_band, from_score, to_score, cause, model_id,"
        " model_version, as_of, computed_at, snapshot_as_of) select $1, 'score_moved', 'green', 'yellow', 75, 60 + n,"
        " 'live', 'b2b-onboarding', 1, now(), now(), now() from generate_series(1, $2) as n",
        ACCOUNT, count,
    )  # fmt: skip


async def test_changes_come_in_order_once_and_the_end_can_be_asked_again(web: Web, client: httpx.AsyncClient) -> None:
    await add_changes(web, 5)
    first = (await client.get("/changes", params={"limit": 3})).json()
    second = (await client.get("/changes", params={"cursor": first["next_cursor"]})).json()
    empty = (await client.get("/changes", params={"cursor": second["next_cursor"]})).json()
    await add_changes(web, 1)
    later = (await client.get("/changes", params={"cursor": empty["next_cursor"], "account": str(ACCOUNT)})).json()

    seen = [row["id"] for page in (first, second, later) for row in page["data"]]
    assert seen == sorted(set(seen))
    assert (len(first["data"]), len(second["data"]), empty["data"], len(later["data"])) == (3, 2, [], 1)
    assert first["data"][0]["to_score"] == 61.0


async def test_changes_of_one_account_are_asked_for_by_any_name_of_it(web: Web, client: httpx.AsyncClient) -> None:
    await add_changes(web, 2)
    (name, *_) = (await client.get(f"/accounts/{ACCOUNT}/health")).json()["account"]["references"]
    by_id, by_name = [
        (await client.get("/changes", params={"account": one, "limit": 500})).json()["data"]
        for one in (str(ACCOUNT), name)
    ]
    unknown = await client.get("/changes", params={"account": "external:nobody-is-called-so"})

    assert by_name == by_id != []
    assert (unknown.status_code, unknown.json()["type"].rsplit("/", 1)[-1]) == (404, "account_unknown")


@pytest.mark.parametrize(
    "path", ["/accounts", f"/accounts/{ACCOUNT}", f"/accounts/{ACCOUNT}/explanation", "/changes", "/models", "/livez"]
)
async def test_the_head_of_an_answer_can_be_asked_for_alone(client: httpx.AsyncClient, path: str) -> None:
    whole, head = await client.get(path), await client.head(path)
    unknown = await client.head("/accounts/external:nobody/history")

    assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
    for name in ("content-type", "content-length", "etag", "cache-control", "link"):
        assert head.headers.get(name) == whole.headers.get(name)
    assert (unknown.status_code, unknown.content) == (404, b"")
    assert (await client.head("/accounts/health:batch")).headers["allow"] == "POST"


async def test_a_cursor_of_accounts_is_none_of_changes(client: httpx.AsyncClient) -> None:
    cursor = (await client.get("/accounts", params={"limit": 1})).json()["next_cursor"]

    assert (await client.get("/changes", params={"cursor": cursor})).status_code == 400


async def test_history_keeps_what_was_known_apart_from_what_was_restated(client: httpx.AsyncClient) -> None:
    query = {"from": (NOW - timedelta(days=100)).isoformat(), "to": NOW.isoformat()}
    answer = (await client.get(f"/accounts/{ACCOUNT}/history", params=query)).json()

    assert len(answer["restated"]) == 20
    assert len(answer["known"]) == 41
    assert answer["known"][-1]["score"] == 47.3
    assert answer["known"][0]["model"] == {"id": "b2b-onboarding", "version": 1}
    moments = [point["as_of"] for point in answer["known"]]
    assert moments == sorted(moments)


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-11-22T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
        {"from": "2020-01-01T00:00:00Z"},
        {"from": "2026-11-01T00:00:00"},
        {"from": "yesterday"},
    ],
)
async def test_a_stretch_of_time_that_makes_no_sense_is_422(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    answer = await client.get(f"/accounts/{ACCOUNT}/history", params=query)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("query:from")


async def test_an_explanation_adds_up_in_figures_and_in_words(client: httpx.AsyncClient) -> None:
    answer = (await client.get(f"/accounts/{ACCOUNT}/explanation")).json()
    sums = answer["arithmetic"]

    assert round(sums["baseline"] + sums["drivers"] + sums["gates"], 1) == sums["score"] == answer["score"]
    assert "-12.4  only 38% of the plan" in answer["text"]
    assert answer["figures"] == {"told": "by a test"}


async def test_evidence_shows_the_newest_records_that_a_signal_reads(web: Web, client: httpx.AsyncClient) -> None:
    await web.owner.executemany(
        "insert into scoring.record (account_id, event_id, type, occurred_at, recorded_at, role, item, value,"
        " properties, source) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'test')",
        [
            (ACCOUNT, "a", "ticket.opened", NOW - timedelta(days=3), NOW - timedelta(days=3), None, "T1", None,
             '{"severity": "high"}'),
            (ACCOUNT, "b", "ticket.resolved", NOW - timedelta(days=2), NOW - timedelta(days=2), None, "T1", 5.0, "{}"),
            (ACCOUNT, "c", "feature.used", NOW - timedelta(days=1), NOW - timedelta(1), "sponsor", "f", None, "{}"),
            (ACCOUNT, "d", "ticket.opened", NOW - timedelta(days=1), NOW + timedelta(days=1), None, "T2", None, "{}"),
            (ACCOUNT, "e", "milestone.completed", NOW - timedelta(days=9), NOW, None, "first_report", None, "{}"),
            (ACCOUNT, "f", "milestone.completed", NOW - timedelta(days=8), NOW, None, "kickoff", None, "{}"),
        ],
    )  # fmt: skip

    async def seen(signal: str) -> list[str]:
        answer = await client.get(f"/accounts/{ACCOUNT}/evidence/{signal}")
        assert answer.status_code == 200, answer.text
        return [record["event_id"] for record in answer.json()["records"]]

    assert await seen("open_critical") == ["b", "a"], "all that happened to the items, but nothing told later"
    assert await seen("resolution_hours") == ["b"]
    assert await seen("sponsor_seen") == ["c"]
    assert await seen("active_seats") == [], "nobody is named, so no seat is counted"
    assert await seen("time_to_value") == ["e"]
    assert await seen("milestones") == ["f", "e"]


async def test_evidence_tells_the_rule_in_plain_data(client: httpx.AsyncClient) -> None:
    rule = (await client.get(f"/accounts/{ACCOUNT}/evidence/active_seats")).json()["rule"]

    assert rule["measures"]["agg"] == "ratio"
    assert rule["measures"]["num"]["where"] == {"type": ["session.started", "feature.used"]}
    assert rule["becomes"] == {"curve": "piecewise", "xs": [0, 0.5, 0.8], "ys": [0, 70, 100]}
    assert rule["target"].startswith("at least 80")


async def test_an_unknown_signal_names_the_nearest(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/accounts/{ACCOUNT}/evidence/active_seat")

    assert answer.status_code == 404
    assert "did you mean active_seats?" in answer.json()["detail"]


async def test_models_are_documents_and_one_of_them_judges(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/models")).json()["data"]
    (judge,) = [one for one in listed if one["in_charge"]]
    model = (await client.get(f"/models/{judge['id']}/versions/{judge['in_charge']}")).json()

    assert [part["weight"] for part in model["dimensions"]] == [30, 25, 20, 15, 10]
    assert (await client.get("/models/b2b-onboarding/versions/99")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("PUT", "/accounts", 405),
        ("DELETE", "/changes", 405),
        ("GET", "/accounts/health:batch", 405),
    ],
)
async def test_what_is_not_there_is_a_problem_too(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"]
    assert (status != 405) or answer.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/accounts", "/changes", "/models", f"/accounts/{ACCOUNT}/history", f"/accounts/{ACCOUNT}/explanation"]
)
async def test_every_list_needs_a_key_that_may_read(web: Web, path: str) -> None:
    async with web.client() as nobody, web.client(key=web.stranger) as other:
        assert (await nobody.get(path)).status_code == 401
        assert (await other.get(path)).status_code == 403


async def test_the_published_contract_is_whole(client: httpx.AsyncClient) -> None:
    contract = (await client.get("/openapi.json")).json()
    operations = [
        operation
        for path in contract["paths"].values()
        for method, operation in path.items()
        if method in ("get", "post")
    ]

    assert contract["openapi"].startswith("3.1")
    assert "/accounts/{account_id}/health" in contract["paths"]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(operation.get("tags") and "4XX" in operation["responses"] for operation in operations)
    assert "HTTPValidationError" not in contract["components"]["schemas"]
    tags = {tag["name"] for tag in contract["tags"]}
    assert {tag for operation in operations for tag in operation["tags"]} <= tags


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_operations_need_no_key(web: Web, path: str) -> None:
    async with web.client() as nobody:
        assert (await nobody.get(path)).status_code == 200


async def test_the_reference_leads_back_to_the_screens(client: httpx.AsyncClient) -> None:
    assert '<a class="brand" href="/app/">' in (await client.get("/docs")).text


def test_the_example_of_the_contract_adds_up() -> None:
    health = examples.HEALTH

    assert health.baseline is not None
    assert round(health.baseline + sum(driver.points for driver in health.drivers), 1) == health.score
