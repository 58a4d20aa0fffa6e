"""Claims about the screens in a real browser: nothing scrolls sideways or is refused, focus is seen, both themes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from support import chromium
from support.chromium import Tab
from support.health_documents import ACCOUNT, days, document
from support.listening import listening
from support.scored import clock, three_customers
from support.scoring_web import Web, keep, running

from ingest_webhooks.app import create
from ingest_webhooks.settings import IngestSettings
from milepost_runtime.database import Pool
from milepost_runtime.hot import Application
from playbook_runner.app import build
from playbook_runner.settings import RunnerSettings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.executable() is None, reason="no Chromium on this machine"),
]
PAGES = (
    "/app/",
    f"/app/accounts/{ACCOUNT}",
    f"/app/accounts/{ACCOUNT}/evidence/milestones",
    "/app/feedback",
    "/app/overrides",
    "/app/models",
    "/app/models/b2b-onboarding/1",
    "/app/models/enterprise-high-touch/1",
    "/app/sign-in",
    "/app/x",
    "/docs",
    "/ingest/docs",
    "/playbooks/docs",
)
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Every element that can take a click has 24 px of its own, or is a link inside a sentence.
SMALL_TARGETS = """
[...document.querySelectorAll('button, input:not([type=hidden]):not([hidden]), select, summary, nav a, .button')]
  .map(e => [e.outerHTML.slice(0, 60), e.getBoundingClientRect()])
  .filter(([_, r]) => r.width && (r.height < 24 || r.width < 24)).map(([text]) => text)
"""
FOCUSED = """
(() => { const e = document.activeElement; const s = getComputedStyle(e), a = getComputedStyle(e, '::after');
  return [e.tagName, [s, a].some(x => x.outlineStyle !== 'none' && parseFloat(x.outlineWidth) >= 2)] })()
"""


@dataclass(frozen=True)
class Screen:
    """A browser's tab and the address of a running service."""

    tab: Tab
    base: str


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str, scoring_pool: Pool) -> AsyncIterator[Web]:
    async with running(database_url, redis_url, "development") as made:
        await three_customers(made, scoring_pool, await clock(made.owner))
        await keep(made.owner, document(), days())
        yield made


@pytest.fixture(scope="module")
async def screen(web: Web, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Screen]:
    async with listening(beside(web)) as base, chromium.tab(tmp_path_factory.mktemp("profile")) as tab:
        yield Screen(tab, base)


def beside(web: Web) -> Application:
    """Return the scoring service with the other two behind prefixes, as a proxy shows them; they serve `/docs` only."""
    database, redis = web.settings.database_url, web.settings.redis_url
    ingest = create(IngestSettings(environment="test", database_url=database, redis_url=redis))
    playbooks = build(RunnerSettings(environment="test", database_url=database, redis_url=redis))
    return Starlette(routes=[Mount("/ingest", ingest), Mount("/playbooks", playbooks), Mount("/", web.app)])


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [320, 420, 768, 1024, 1440])
async def test_no_screen_scrolls_sideways(screen: Screen, path: str, width: int) -> None:
    await screen.tab.look(width)
    await screen.tab.open(screen.base + path)

    assert await screen.tab.evaluate(SIDEWAYS) <= 0


@pytest.mark.parametrize("path", PAGES)
async def test_the_browser_refuses_nothing_on_our_screens(screen: Screen, path: str) -> None:
    """The content policy would stop inline styles and scripts, and the page would silently look wrong."""
    await screen.tab.look(1280)
    await screen.tab.open(screen.base + path)
    await screen.tab.evaluate("new Promise(done => setTimeout(done, 100))")

    assert [text for text in screen.tab.failures if "404 (Not Found)" not in text] == []


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [320, 1280])
async def test_targets_are_large_enough_for_a_finger(screen: Screen, path: str, width: int) -> None:
    await screen.tab.look(width)
    await screen.tab.open(screen.base + path)

    assert await screen.tab.evaluate(SMALL_TARGETS) == []


@pytest.mark.parametrize("path", PAGES)
async def test_the_keyboard_goes_everywhere_and_is_seen(screen: Screen, path: str) -> None:
    await screen.tab.look(1280)
    await screen.tab.open(screen.base + path)
    seen = []
    for _ in range(12):
        await screen.tab.press("Tab")
        seen.append(await screen.tab.evaluate(FOCUSED))

    assert seen[0][0] == "A", "the way past the header comes first"
    assert [tag for tag, visible in seen if tag != "BODY" and not visible] == []


@pytest.mark.parametrize("path", PAGES)
async def test_the_theme_follows_the_reader(screen: Screen, path: str) -> None:
    grounds = {}
    for theme in ("light", "dark"):
        await screen.tab.look(1280, prefers_color_scheme=theme)
        await screen.tab.open(screen.base + path)
        grounds[theme] = await screen.tab.evaluate("getComputedStyle(document.body).backgroundColor")

    assert grounds == {"light": "rgb(249, 249, 251)", "dark": "rgb(13, 15, 19)"}


async def test_every_chart_has_a_name_and_every_mark_its_pattern(screen: Screen) -> None:
    await screen.tab.look(1280)
    for path in PAGES[:2]:
        await screen.tab.open(screen.base + path)
        nameless = await screen.tab.evaluate(
            "[...document.querySelectorAll('svg[role=img]')].filter(e => !(e.getAttribute('aria-label')"
            " || document.getElementById(e.getAttribute('aria-labelledby')?.split(' ')[0]))).length"
        )
        unmarked = await screen.tab.evaluate(
            "[...document.querySelectorAll('svg:not([role=img]):not([aria-hidden=true])')]"
            ".filter(e => !e.closest('svg[role=img], svg[aria-hidden=true]')).length"
        )
        patterns = await screen.tab.evaluate(
            "[...document.querySelectorAll('.red .mark, .yellow .mark')].map(e => getComputedStyle(e).fill)"
        )
        assert (nameless, unmarked) == (0, 0)
        assert patterns
        assert all(fill.startswith("url(") for fill in patterns)


async def test_text_twice_as_large_still_fits(screen: Screen) -> None:
    await screen.tab.look(640)
    for path in PAGES:
        await screen.tab.open(screen.base + path)
        await screen.tab.evaluate("document.documentElement.style.fontSize = '200%'")
        assert await screen.tab.evaluate(SIDEWAYS) <= 0, path


async def test_screens_can_be_photographed(screen: Screen, tmp_path: Path) -> None:
    """Both themes and a narrow window leave pictures that are more than one colour."""
    for theme, width in (("light", 1360), ("dark", 1360), ("light", 320)):
        await screen.tab.look(width, prefers_color_scheme=theme)
        for number, path in enumerate(PAGES[:2]):
            await screen.tab.open(screen.base + path)
            picture = tmp_path / f"{number}-{theme}-{width}.png"
            await screen.tab.picture(picture)
            assert picture.stat().st_size > 20_000
