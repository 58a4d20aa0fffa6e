"""Claims about the screens that answer questions, in a real browser: narrow windows, both themes, plain forms."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from support import chromium
from support.chromium import Tab
from support.histories import Told
from support.listening import listening
from support.scored import clock, score, three_customers
from support.scoring_web import Web, add_key, running

from milepost_runtime.database import Pool

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.executable() is None, reason="no Chromium on this machine"),
]
SCREENS = ("", "/change", "/what-if", "/path-to/yellow")
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL_TARGETS = """
[...document.querySelectorAll('button, input:not([type=hidden]):not([hidden]), select, summary, nav a, .button')]
  .map(e => [e.outerHTML.slice(0, 60), e.getBoundingClientRect()])
  .filter(([_, r]) => r.width && (r.height < 24 || r.width < 24)).map(([text]) => text)
"""
ASK = """
(() => { document.querySelector('[name=signal-open_critical]').value = '0';
  setTimeout(() => document.querySelector('form[method=post] button').click(), 0); })()
"""


@dataclass(frozen=True)
class Screen:
    """A browser's tab and the address of an account's page."""

    tab: Tab
    page: str


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url, "development") as made:
        yield made


@pytest.fixture(scope="module")
async def account(web: Web, scoring_pool: Pool) -> UUID:
    """An account whose score fell, and for which records came late."""
    now = await clock(web.owner)
    found = (await three_customers(web, scoring_pool, now))["thriving"]
    late = [
        Told(found, "ticket.opened", now - timedelta(days=3), await clock(web.owner), item=f"L-{n}",
             properties={"severity": "critical"})
        for n in range(3)
    ]  # fmt: skip
    await score(web, scoring_pool, [late])
    return found


@pytest.fixture(scope="module")
async def screen(web: Web, account: UUID, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Screen]:
    async with listening(web.app) as base, chromium.tab(tmp_path_factory.mktemp("profile")) as tab:
        yield Screen(tab, f"{base}/app/accounts/{account}")


@pytest.mark.parametrize("path", SCREENS)
@pytest.mark.parametrize("width", [320, 768, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_questions_fit_any_window(screen: Screen, path: str, width: int, theme: str) -> None:
    await screen.tab.look(width, prefers_color_scheme=theme)
    await screen.tab.open(screen.page + path)

    assert await screen.tab.evaluate(SIDEWAYS) <= 0
    assert await screen.tab.evaluate(SMALL_TARGETS) == []
    assert [text for text in screen.tab.failures if "422" not in text] == []


async def test_a_persons_word_widens_no_page_of_a_change(
    web: Web, scoring_pool: Pool, screen: Screen, account: UUID
) -> None:
    word = "W" * 200
    async with web.client(key=await add_key(web.owner, ["read", "write"])) as client:
        said_of = {"band": "red", "reason": word, "author": word, "days": 2}
        assert (await client.post(f"/accounts/{account}/override", json=said_of)).status_code == 201
        await score(web, scoring_pool, [])
        for width in (320, 1280):
            await screen.tab.look(width)
            await screen.tab.open(f"{screen.page}/change")
            assert "WWWWW" in await screen.tab.evaluate("document.querySelector('table.why').innerText")
            assert await screen.tab.evaluate(SIDEWAYS) <= 0
        assert (await client.delete(f"/accounts/{account}/override")).status_code == 204
    await score(web, scoring_pool, [])


async def test_a_what_if_answers_itself_in_the_browser(screen: Screen) -> None:
    await screen.tab.look(1280)
    await screen.tab.open(f"{screen.page}/what-if")
    await screen.tab.evaluate(ASK)
    for _ in range(100):
        await asyncio.sleep(0.1)
        if "instead of" in await said(screen):
            break

    assert "instead of" in await said(screen)
    assert "promise" in await said(screen)


async def said(screen: Screen) -> str:
    """What stands in the answer; nothing while the page is on its way."""
    with contextlib.suppress(RuntimeError):
        return str(await screen.tab.evaluate("document.querySelector('#result')?.parentElement.innerText"))
    return ""
