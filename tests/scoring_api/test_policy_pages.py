"""Claims about the screens of score models: all that a document says stands there, in words."""

from collections.abc import AsyncIterator
from html import unescape

import asyncpg
import httpx
import pytest
from support.score_models import RISING, document, last_signal
from support.scoring_web import Web, add_key, running

from milepost_core.model import parse_model
from scoring_api.documents.founding import read_shipped
from scoring_api.pages.curves import drawing
from scoring_api.pages.rules import measured

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as found:
        yield found


@pytest.fixture(scope="module")
async def client(web: Web, owner: asyncpg.Connection) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client(key=await add_key(owner, ["read", "models"])) as found:
        yield found


async def shown(client: httpx.AsyncClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


async def test_the_list_names_every_model_with_its_state_and_the_log(client: httpx.AsyncClient) -> None:
    page = await shown(client, "/app/models")

    for words in ("version 1 judges", "not in charge", "segment is enterprise", "plan is self-serve, free or trial"):
        assert words in page
    assert "the first model of this installation" in page
    assert 'href="/app/models" aria-current="page"' in page


@pytest.mark.parametrize("name", ["b2b-onboarding", "enterprise-high-touch", "product-led"])
async def test_a_version_shows_all_that_its_document_says(client: httpx.AsyncClient, name: str) -> None:
    model = next(one.parsed for one in read_shipped() if one.parsed.id == name)
    page = await shown(client, f"/app/models/{name}/1")

    for signal in model.signals:
        texts = signal.texts
        for words in (texts.label, texts.target, texts.next_step, (texts.bad or texts.unit).other.partition("{")[0]):
            assert words is not None
            assert words in page, (signal.id, words)
    for gate in model.gates:
        assert gate.label in page
        assert f"at most {gate.cap_score:g} points" in page
    for one in model.milestones:
        assert one.label in page
    for stage in model.stages:
        assert stage.label in page
    assert page.count('class="curve"') == len(model.signals)


async def test_a_model_by_its_id_leads_to_the_version_in_charge(client: httpx.AsyncClient) -> None:
    answer = await client.get("/app/models/b2b-onboarding")

    assert (answer.status_code, answer.headers["location"]) == (303, "/app/models/b2b-onboarding/1")


async def test_two_versions_are_compared_in_sentences(client: httpx.AsyncClient) -> None:
    for version, weight in ((1, 1), (2, 3)):
        body = document(
            last_signal("a", "d", weight, label="<b>A</b>"), last_signal("b", "d"), id="two", version=version
        )
        assert (await client.post("/models", json=body)).status_code == 201
    raw = (await client.get("/app/models/two/2?against=1")).text

    assert "Weight of signal '<b>A</b>' changed from 1 to 3." in unescape(raw)
    assert "<b>A</b>" not in raw


@pytest.mark.parametrize("path", ["/app/models/nobody", "/app/models/b2b-onboarding/9", "/app/models/b2b-onboarding/x",
                                  "/app/models/b2b-onboarding/1?against=x"])  # fmt: skip
async def test_what_is_not_there_is_said_in_a_page(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert "<h1" in answer.text


async def test_nobody_looks_at_a_model_without_signing_in(web: Web) -> None:
    async with web.client() as stranger:
        answer = await stranger.get("/app/models/b2b-onboarding/1")

    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/app/sign-in")


CURVES = {
    "rising": (RISING, "M0 100L9.68 100L90.32 0L100 0"),
    "falling": ({"kind": "piecewise", "points": [[0, 100], [3, 0]]}, "M0 0L9.68 0L90.32 100L100 100"),
    "one point": ({"kind": "piecewise", "points": [[5, 40]]}, "M0 60L50 60L100 60"),
    "ranks": ({"kind": "percentile", "lower_is_better": True}, "M0 0L100 100"),
    "words": ({"kind": "map", "values": {"good": 90}}, ""),
}


@pytest.mark.parametrize("name", sorted(CURVES))
def test_a_curve_is_drawn_as_it_is(name: str) -> None:
    curve, path = CURVES[name]
    model = parse_model(document({**last_signal("s", "d"), "normalise": curve}))

    assert drawing(model.signals[0]).path == path
    assert drawing(model.signals[0]).said


def test_a_saturating_curve_bends_through_50_at_its_half() -> None:
    curve = {"kind": "saturating", "half_at": 8}
    path = drawing(parse_model(document({**last_signal("s", "d"), "normalise": curve})).signals[0]).path

    assert "L25 50L" in path


SAID = [
    ({"agg": "active_days", "where": {"type": "feature.used"}, "window_days": 14},
     "the number of days with “a feature was used”, in the last 14 days"),
    ({"agg": "ratio", "num": {"agg": "distinct", "field": "actor", "where": {"type": "session.started"}},
      "den": "seats", "max": 1},
     "how many different people in “somebody signed in”, divided by the account's seats, at most 1"),
    ({"agg": "open_items", "where": {"kind": "ticket", "severity": ["high", "urgent"]}},
     "the number of open tickets (severity high or urgent)"),
    ({"agg": "milestone_progress", "late_penalty_per_day": 0.02, "late_floor": 0.5},
     "the weighted share of milestones that are due and done; each day late costs 2% of one, down to 50%"),
    ({"agg": "breadth", "expected": ["admin", "sponsor"]},
     "the share of admin or sponsor who were seen in anything that happened"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "words"), SAID)
def test_a_measure_is_said_in_words(source: dict[str, object], words: str) -> None:
    model = parse_model(document({**last_signal("s", "d"), "source": source}))

    assert measured(model.signals[0].source) == words


def test_every_aggregation_has_words() -> None:
    plain = {"where": {"type": "feature.used"}}
    more: dict[str, dict[str, object]] = {
        "distinct": {"field": "role"}, "decayed_sum": {"half_life": 3}, "slope": {"bucket_days": 7, "buckets": 2},
        "momentum": {"bucket_days": 7, "buckets": 2}, "breadth": {"expected": ["a"]},
        "overdue_items": {"where": {"kind": "task"}}, "oldest_open_age": {"where": {"kind": "task"}},
    }  # fmt: skip
    for agg in ("count", "sum", "mean", "last", "days_since_last", "time_to_first", "rate", *more):
        doc = document({**last_signal("s", "d"), "source": {"agg": agg, **plain, **more.get(agg, {})}})
        assert measured(parse_model(doc).signals[0].source)
