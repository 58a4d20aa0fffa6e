"""What no healthy client asks a list for: each row of the catalogue's part on queries, for the front door's lists."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from support.front_door import Bench, batch, change

LISTS = ("/deliveries",)


def kind(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, str(answer.json()["type"]).rpartition("/")[2]


@pytest.fixture(scope="module")
async def cursor(bench: Bench) -> str:
    """A cursor of the list of deliveries."""
    for number in range(3):
        await bench.deliver(batch(change("company.creation", 701, number)))
    found: str = (await bench.client.get("/deliveries?limit=1")).json()["next_cursor"]
    return found


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "limit",
    ["-1", "0", "1_0", "1e3", "١", str(2**63), str(2**64), " 5", "+5", "0x5", "5.0", "", "true", "201", "9" * 5_000],
)
async def test_q1_a_limit_that_is_no_plain_number_in_range_is_422(bench: Bench, path: str, limit: str) -> None:
    answer = await bench.client.get(f"{path}?limit={quote(limit)}")
    assert kind(answer) == (422, "bad_parameter")
    assert answer.json()["errors"][0]["pointer"] == "query:limit"


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", ["limit=1&limit=2", "limit=1&limit=1", "cursor=a&cursor=b", "state=new&state=done"])
async def test_q2_a_parameter_that_is_given_twice_is_422(bench: Bench, path: str, query: str) -> None:
    assert kind(await bench.client.get(f"{path}?{query}")) == (422, "repeated_parameter")


async def test_q3_a_cursor_that_is_cut_altered_or_of_another_list_is_400(bench: Bench, cursor: str) -> None:
    body, _, signature = cursor.partition(".")
    swapped = body[:-2] + ("A" if body[-2] != "A" else "B") + body[-1]
    broken = [cursor[:-1], body, f"{swapped}.{signature}", signature, "x", "é.é", "0" * 1_000, f"{cursor}.x"]
    answers = [await bench.client.get("/deliveries", params={"limit": "1", "cursor": one}) for one in broken]
    other = await bench.client.get("/deliveries", params={"cursor": cursor, "state": "done"})
    good = await bench.client.get("/deliveries", params={"cursor": cursor})

    assert [kind(answer) for answer in answers] == [(400, "bad_cursor")] * len(broken)
    assert kind(other) == (400, "bad_cursor")
    assert good.status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "state=sleeping",
        "connection=7",
        "from=yesterday",
        "from=2026-01-01",
        "from=2026-01-01T00:00:00",
        "from=1767225600",
        "to=2026-02-30T00:00:00Z",
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=1926-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
        "fault=%00",
        "fault=",
        "correlation_id=%00",
        "source=%00",
        f"correlation_id={'x' * 100}",
        f"source={'x' * 10_000}",
    ],
)
async def test_q6_values_and_spans_that_mean_nothing_are_422(bench: Bench, query: str) -> None:
    assert kind(await bench.client.get(f"/deliveries?{query}")) == (422, "bad_parameter")


@pytest.mark.parametrize("query", ["fault=%25", "fault=_", "fault=%ff", "source=%ff", "fault=%27%3Bdrop"])
async def test_q5_signs_of_patterns_and_broken_text_are_looked_for_as_they_are(bench: Bench, query: str) -> None:
    answer = await bench.client.get(f"/deliveries?{query}")
    assert (answer.status_code, answer.json()["data"]) == (200, [])


@pytest.mark.parametrize("hours", ["0", "169", "1_0", "-1"])
async def test_figures_over_no_time_or_too_long_a_time_are_422(bench: Bench, hours: str) -> None:
    paths: list[Any] = ["/figures", f"/connections/{bench.connection['id']}/figures"]
    answers = [kind(await bench.client.get(f"{path}?hours={hours}")) for path in paths]
    assert answers == [(422, "bad_parameter")] * 2
