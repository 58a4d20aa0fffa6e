"""Claims about the element that shows messages in a product's page, in a real browser and from another origin."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from support import chromium
from support.chromium import Tab
from support.lifespan import lifespan
from support.listening import listening

from milepost_runtime.database import Pool
from milepost_runtime.secrets import Vault
from playbook_runner.actions.channel import Sendable
from playbook_runner.app import build
from playbook_runner.in_app.putting_up import InAppChannel
from playbook_runner.in_app.showing import Audience, Showing
from playbook_runner.settings import RunnerSettings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.executable() is None, reason="no Chromium on this machine"),
]
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
ELEMENT = "document.querySelector('milepost-messages').shadowRoot"
TEXTS = f"[...({ELEMENT}?.querySelectorAll('article h2') ?? [])].map(e => e.textContent)"


@dataclass(frozen=True)
class Product:
    """A tab on a product's page that carries the element, and what stands behind it."""

    tab: Tab
    page: str
    pool: Pool
    account: UUID

    async def open(self) -> list[str]:
        await self.tab.open(self.page)
        return await self.shows(1)

    async def shows(self, count: int) -> list[str]:
        """Return the headings, once there are so many."""
        script = f"new Promise(done => {{ const look = n => {{ const found = {TEXTS};"
        script += f" found.length === {count} || !n ? done(found) : setTimeout(() => look(n - 1), 50) }}; look(100) }})"
        found: list[str] = await self.tab.evaluate(script)
        return found


@pytest.fixture
async def product(database_url: str, redis_url: str, playbooks_pool: Pool, tmp_path: Path) -> AsyncIterator[Product]:
    settings = RunnerSettings(environment="test", database_url=database_url, redis_url=redis_url)
    runner, account = build(settings), uuid4()
    showing = Showing(playbooks_pool, Vault(settings.secret_key.get_secret_value()))
    token, _ = await showing.grant(Audience(account), hours=1)
    async with lifespan(runner), listening(runner) as outreach:

        async def page(_: Request) -> HTMLResponse:
            element = f'<milepost-messages token="{token}"></milepost-messages>'
            return HTMLResponse(
                f'<!doctype html><title>ours</title><script src="{outreach}/in-app.js"></script>{element}'
            )

        async with listening(Starlette(routes=[Route("/", page)])) as ours, chromium.tab(tmp_path) as tab:
            await tab.look(800)
            yield Product(tab, ours + "/", playbooks_pool, account)


async def put_up(product: Product, **parts: str) -> None:
    said = {
        "account_id": str(product.account), "title": "Import your data", "text": "Two steps are left.",
        "link": "https://product.example/import", "role": "", "days": 7.0,
    } | parts  # fmt: skip
    effect = Sendable(uuid4().bytes * 2, "", json.dumps(said).encode(), "corr-1")
    async with InAppChannel(product.pool).open(effect) as call:
        await call.perform(lambda: True)


async def test_a_message_is_shown_and_known_as_seen_and_stays_away_once_put_away(product: Product) -> None:
    await put_up(product)

    assert await product.open() == ["Import your data"]
    assert await product.tab.evaluate(f"{ELEMENT}.querySelector('a').href") == "https://product.example/import"
    await product.tab.evaluate(f"{ELEMENT}.querySelector('button').click()")
    assert await product.shows(0) == []
    await product.tab.open(product.page)
    await product.tab.evaluate("new Promise(done => setTimeout(done, 300))")
    assert await product.shows(0) == []
    row = await product.pool.fetchrow("select * from in_app_message where account_id = $1", product.account)
    assert row is not None
    assert row["seen_at"] is not None
    assert row["dismissed_at"] is not None
    assert product.tab.failures == []


async def test_a_link_into_the_product_leads_there_from_its_own_page(product: Product) -> None:
    await put_up(product, link="/import?step=2")

    await product.open()
    link = await product.tab.evaluate(f"{ELEMENT}.querySelector('a').href")
    assert link == product.page.rstrip("/") + "/import?step=2"


@pytest.mark.parametrize("link", ["//elsewhere.example/x", "/\\elsewhere.example/x", "import"])
async def test_what_only_looks_like_a_link_into_the_product_is_none(product: Product, link: str) -> None:
    await put_up(product, link=link)

    await product.open()
    assert await product.tab.evaluate(f"{ELEMENT}.querySelectorAll('a').length") == 0


async def test_hostile_words_stay_words(product: Product) -> None:
    await put_up(product, title=HOSTILE, text=HOSTILE, link="javascript:document.title='taken'")

    assert await product.open() == [HOSTILE]
    assert await product.tab.evaluate(f"{ELEMENT}.querySelectorAll('a, img').length") == 0
    assert await product.tab.evaluate("document.title") == "ours"


async def test_putting_away_can_be_reached_by_keyboard_and_hit_by_a_finger(product: Product) -> None:
    await put_up(product, link="")

    await product.open()
    await product.tab.press("Tab")
    focused = f"{ELEMENT}.activeElement"
    assert await product.tab.evaluate(f"{focused}.getAttribute('aria-label')") == "Put away: Import your data"
    assert await product.tab.evaluate(f"parseFloat(getComputedStyle({focused}).outlineWidth)") >= 2
    assert await product.tab.evaluate(f"{focused}.getBoundingClientRect().width") >= 24
