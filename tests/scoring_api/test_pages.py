"""Claims about the screens: who may see them, that they say what the document says, and that they need no script."""

import re
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.health_documents import ACCOUNT, NOW, days, document
from support.scoring_web import Web, add_key, keep, running

from scoring_api.pages import wording

PAGE = f"/app/accounts/{ACCOUNT}"
# What a browser says of a form of our own page.
OURS = {"sec-fetch-site": "same-origin"}
EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    """In production: pages are closed to whoever shows nothing."""
    async with running(database_url, redis_url, "production") as made:
        await keep(made.owner, document(), days())
        who = {"id": UUID(int=7), "name": EVIL, "segment": EVIL, "owner": EVIL, "references": [f"external:{EVIL}"]}
        red = {"band": "red", "because": "gate", "sentence": EVIL}
        await keep(made.owner, document(account=who, band="red", effective_band=red, score=31.0, summary=EVIL))
        blank = {"id": UUID(int=8), "name": "Blank Slate"}
        nothing: dict[str, Any] = {
            "account": blank, "score": None, "band": "unknown", "drivers": [], "baseline": None, "gates": [],
            "effective_band": {"band": "unknown", "because": "model"}, "path": None, "next_steps": [],
            "milestones": {"done": 0, "due": 0, "late": 0}, "trend": {"word": "unknown"},
        }  # fmt: skip
        await keep(made.owner, document(**nothing))
        yield made


@pytest.fixture(scope="module")
async def at_home(database_url: str, redis_url: str, web: Web) -> AsyncIterator[Web]:
    """The same data in development."""
    async with running(database_url, redis_url, "development") as made:
        yield made


@pytest.fixture
async def visitor(at_home: Web) -> AsyncIterator[httpx.AsyncClient]:
    async with at_home.client() as made:
        yield made


def words(page: str) -> str:
    """What a page says, without its markup."""
    page = re.sub(r"</?bdi[^>]*>", "", page)  # isolates a word, parts none
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).replace("\xa0", " ").split())


# --- who may look


@pytest.mark.parametrize("path", ["/app/", PAGE, f"{PAGE}/evidence/milestones"])
async def test_a_stranger_is_led_to_the_sign_in_page_and_back(web: Web, path: str) -> None:
    async with web.client() as stranger:
        answer = await stranger.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"] == f"/app/sign-in?next={path.replace('/', '%2F')}"


async def test_a_key_opens_a_session_that_no_script_and_no_other_site_can_use(web: Web) -> None:
    async with web.client() as stranger:
        entered = await stranger.post("/app/sign-in", data={"key": web.reader, "next": PAGE}, headers=OURS)
        page = await stranger.get(PAGE)

    cookie = entered.headers["set-cookie"]
    assert (entered.status_code, entered.headers["location"], page.status_code) == (303, PAGE, 200)
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/app", "Max-Age=43200"))
    secret = web.reader.split("_", 2)[2]  # which may hold the mark that parts a key itself
    body = cookie.partition("=")[2].partition(".")[0]
    session = urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
    assert '"key"' in session
    assert not any(secret in one for one in (cookie, session))


async def test_on_https_the_session_never_travels_in_the_clear(web: Web) -> None:
    async with web.client() as stranger:
        entered = await stranger.post("https://localhost/app/sign-in", data={"key": web.reader}, headers=OURS)

    assert "Secure" in entered.headers["set-cookie"]


@pytest.mark.parametrize(("which", "status"), [("stranger", 403), ("none", 401), ("empty", 401)])
async def test_a_key_that_may_not_read_opens_nothing(web: Web, which: str, status: int) -> None:
    key = {"stranger": web.stranger, "none": "mp_000000000000_" + "x" * 43, "empty": ""}[which]
    async with web.client() as stranger:
        refused = await stranger.post("/app/sign-in", data={"key": key}, headers=OURS)

    assert refused.status_code == status
    assert "set-cookie" not in refused.headers
    assert 'role="alert"' in refused.text


async def test_a_session_ends_with_its_key(web: Web) -> None:
    key = await add_key(web.owner, ["read"])
    async with web.client() as visitor:
        await visitor.post("/app/sign-in", data={"key": key}, headers=OURS)
        before = await visitor.get("/app/")
        await web.owner.execute("update scoring.api_key set revoked_at = now() where id = $1", key.split("_")[1])
        after = await visitor.get("/app/")

    assert (before.status_code, after.status_code) == (200, 303)


async def test_a_changed_session_is_none(web: Web) -> None:
    async with web.client() as visitor:
        await visitor.post("/app/sign-in", data={"key": web.reader}, headers=OURS)
        cookie = visitor.cookies["milepost_session"]
        visitor.cookies.clear()
        answer = await visitor.get("/app/", headers={"cookie": f"milepost_session=A{cookie[1:]}"})

    assert answer.status_code == 303


async def test_signing_out_forgets_the_session(web: Web) -> None:
    async with web.client() as visitor:
        await visitor.post("/app/sign-in", data={"key": web.reader}, headers=OURS)
        left = await visitor.post("/app/sign-out", headers=OURS)
        answer = await visitor.get("/app/")

    assert left.status_code == 303
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://localhost"}, 403),
        ({"origin": "http://localhost"}, 303),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://localhost.evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({}, 403),
    ],
)
async def test_a_form_is_taken_only_from_our_own_pages(web: Web, headers: dict[str, str], status: int) -> None:
    async with web.client() as visitor:
        answer = await visitor.post("/app/sign-in", data={"key": web.reader}, headers=headers)

    assert answer.status_code == status


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/app/\\evil", "/app//evil", "/docs"])
async def test_signing_in_leads_only_to_our_own_pages(web: Web, target: str) -> None:
    async with web.client() as visitor:
        entered = await visitor.post("/app/sign-in", data={"key": web.reader, "next": target}, headers=OURS)

    assert entered.headers["location"] == "/app/"


async def test_a_key_in_the_header_reads_pages(web: Web) -> None:
    async with web.client(key=web.reader) as caller, web.client(key=web.stranger) as other:
        assert (await caller.get(PAGE)).status_code == 200
        assert (await other.get(PAGE)).status_code == 403


async def test_a_key_in_an_address_is_401_also_on_pages(web: Web) -> None:
    async with web.client() as visitor:
        answer = await visitor.get("/app/", params={"api_key": web.reader})

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("peer", "host", "forwarded", "open_"),
    [
        ("127.0.0.1", "localhost", False, True),
        ("::1", "[::1]:8000", False, True),
        ("127.0.0.1", "127.0.0.1:8000", False, True),
        ("127.0.0.1", "rebound.example", False, False),
        ("10.1.2.3", "localhost", False, False),
        ("127.0.0.1", "localhost", True, False),
    ],
)
async def test_in_development_only_this_machine_by_its_own_name_reads_freely(
    at_home: Web, peer: str, host: str, forwarded: bool, open_: bool
) -> None:
    headers = {"x-forwarded-for": "203.0.113.9"} if forwarded else {}
    async with at_home.client(peer=peer, host=host) as visitor:
        answer = await visitor.get("/app/", headers=headers)

    assert answer.status_code == (200 if open_ else 303)


# --- what is shown


@pytest.mark.parametrize("path", ["/", "/app"])
async def test_the_front_door_leads_to_the_portfolio(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(path)

    assert answer.headers["location"] == "/app/"


async def test_the_portfolio_starts_with_what_to_do(visitor: httpx.AsyncClient) -> None:
    page = words((await visitor.get("/app/")).text)

    assert "You have 2 accounts to act on" in page
    assert "3 accounts in all" in page
    assert "Only 38% of the plan that is due is reached" in page
    assert "\N{MINUS SIGN}18.4" in page


async def test_a_band_is_told_by_word_shape_pattern_and_colour(visitor: httpx.AsyncClient) -> None:
    page = (await visitor.get("/app/")).text

    for band, word, shape in (
        ("red", "At risk", "M7 1.2"),
        ("yellow", "Watch", "M7 .8"),
        ("unknown", "Unknown", "rect"),
    ):
        mark = re.search(rf'<span class="band {band}[^"]*">(.*?)</span>', page, flags=re.DOTALL)
        assert mark is not None
        assert word in mark[1]
        assert shape in mark[1]
    css = (await visitor.get(re.search(r"/app/static/\w+/milepost\.css", page)[0])).text  # type: ignore[index]
    assert ".red .mark { fill: url(#hatch-red); }" in css
    assert 'id="hatch-red"' in page


async def test_filters_search_and_order_live_in_the_address(visitor: httpx.AsyncClient) -> None:
    page = (await visitor.get("/app/", params={"q": "harbour", "band": "yellow", "sort": "name"})).text

    assert "Harbour &amp; Pine Logistics" in page
    assert "Blank Slate" not in page
    assert 'value="harbour"' in page
    assert '<option value="yellow" selected>' in page


@pytest.mark.parametrize("query", ["q=nobody", "band=green"])
async def test_an_empty_list_says_why_and_how_to_go_on(visitor: httpx.AsyncClient, query: str) -> None:
    page = (await visitor.get(f"/app/?{query}")).text

    assert "No account matches" in page
    assert 'href="/app/"' in page


async def test_the_account_page_adds_up_visibly(visitor: httpx.AsyncClient) -> None:
    page = (await visitor.get(PAGE)).text
    table = re.search(r'<table class="why".*?</table>', page, flags=re.DOTALL)
    assert table is not None
    figures = [
        float(text.replace("\N{MINUS SIGN}", "-"))
        for text in re.findall(r'<td role="cell" class="figure(?: fall| rise)?">([^<]+)</td>', table[0])
    ]

    assert figures[0] == 73.6
    assert figures[-1] == 47.3
    assert round(sum(figures[:-1]), 1) == figures[-1]


async def test_the_account_page_says_what_the_document_says(visitor: httpx.AsyncClient) -> None:
    page = words((await visitor.get(PAGE)).text)

    for text in (
        "Harbour & Pine Logistics", "Day 47", "Activation stage",
        "Owner dana.reyes@customer-success.harbourpine.example", "Medium confidence",
        "82 % of the expected data is there", "between 41.2 and 59.4", "Falling: \N{MINUS SIGN}6.1 in 7 days",
        "weighs 30 %", "not counted: 0 % of its data is there", "No billing data has come in",
        "It has to hold for 14 days", "Reach late milestones +14.2", "not a promise", "2 of 6 milestones done, 2 late",
        f"late: was due {wording.day(NOW - timedelta(days=26))}", "domain:harbourpine.example",
        "b2b-onboarding, version 1", f"minutes ago, {wording.moment(document().computed_at)}",
    ):  # fmt: skip
        assert text in page, text


async def test_the_trend_is_also_a_table(visitor: httpx.AsyncClient) -> None:
    page = (await visitor.get(PAGE)).text
    table = re.search(r"Show as table.*?</table>", page, flags=re.DOTALL)

    assert table is not None
    assert "47.3" in table[0]
    assert "recomputed" in table[0]
    assert "known then" in table[0]
    assert re.search(r'<desc id="trend-desc">(Fell|Rose|Held)', page)


async def test_an_account_without_a_score_has_a_page_that_says_what_is_missing(visitor: httpx.AsyncClient) -> None:
    page = words((await visitor.get(f"/app/accounts/{UUID(int=8)}")).text)

    assert "There is no score to explain yet" in page
    assert "No survey has been answered yet" in page


async def test_a_reference_leads_to_the_page_of_its_account(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/app/accounts/domain%3Aharbourpine.example")

    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)


async def test_the_evidence_page_tells_the_rule(visitor: httpx.AsyncClient) -> None:
    page = words((await visitor.get(f"{PAGE}/evidence/active_seats")).text)

    assert "Only 42% of the seats were used" in page
    assert "0.5 gives 70" in page
    assert "No record of this kind has come in" in page


@pytest.mark.parametrize("path", ["/app/accounts/domain:harborpine.example", "/app/accounts/x/y", "/app/nowhere"])
async def test_a_page_that_is_not_there_helps(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "Find an account" in answer.text or "Sign in" in answer.text
    if "harbor" in path:
        assert PAGE in answer.text


async def test_a_broken_cursor_is_told_on_the_page(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/app/", params={"cursor": "x"})

    assert answer.status_code == 400
    assert "The cursor cannot be used" in words(answer.text)


# --- how it is served


@pytest.mark.parametrize(
    "path", ["/app/", PAGE, f"/app/accounts/{UUID(int=7)}", f"{PAGE}/evidence/milestones", "/app/sign-in"]
)
async def test_pages_bring_no_script_no_inline_style_and_a_policy(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(path)

    assert answer.headers["content-security-policy"].startswith("default-src 'self';")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=\"|https?://(?!www\.w3\.org)", answer.text)


@pytest.mark.parametrize("path", ["/app/", f"/app/accounts/{UUID(int=7)}"])
async def test_names_from_outside_are_text(visitor: httpx.AsyncClient, path: str) -> None:
    page = (await visitor.get(path)).text

    assert EVIL not in page
    assert "&lt;img src=x" in page


async def test_assets_are_kept_for_a_year_under_names_that_change_with_them(visitor: httpx.AsyncClient) -> None:
    page = (await visitor.get("/app/")).text
    for path in set(re.findall(r"/app/static/\w+/[\w.]+", page)):
        answer = await visitor.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert (await visitor.get(re.sub(r"/static/\w+/", "/static/0000/", path))).status_code == 404


async def test_every_page_has_one_heading_landmarks_and_a_way_past_the_header(visitor: httpx.AsyncClient) -> None:
    for path in ("/app/", PAGE, f"{PAGE}/evidence/milestones", "/app/sign-in"):
        page = (await visitor.get(path)).text
        assert len(re.findall(r"<h1[ >]", page)) == 1
        assert '<html lang="en">' in page
        assert page.index('href="#main"') < page.index("<header")
        assert page.count('<main id="main"') == 1
        names = re.findall(r'\sid="([^"]+)"', page)
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "path", ["/app/accounts/%00", "/app/accounts/%00/evidence/milestones", "/app/?q=%00", "/app/?owner=%00"]
)
async def test_a_zero_in_an_address_is_the_askers_mistake_and_gets_a_page_that_helps(
    visitor: httpx.AsyncClient, path: str
) -> None:
    answer = await visitor.get(path)

    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")
    assert "cannot be looked up" in answer.text
