"""Claims about people's forms in a real browser: they are sent by it, kept when wrong, and refused from elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

import pytest
from support import chromium
from support.chromium import Tab
from support.listening import listening
from support.people import Office, open_office
from support.scoring_web import running

from milepost_runtime.database import Pool

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.executable() is None, reason="no Chromium on this machine"),
]
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
OPEN_ALL = "document.querySelectorAll('details').forEach(one => { one.open = true })"
# Every field has a name that a screen reader says, and every id is one element's.
NAMELESS = """
[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
  .filter(e => !(e.labels?.length || e.getAttribute('aria-label'))).map(e => e.outerHTML.slice(0, 80))
"""
TWICE = """
(() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  return ids.filter((id, place) => ids.indexOf(id) !== place) })()
"""
SMALL_TARGETS = """
[...document.querySelectorAll('button, input:not([type=hidden]), select, textarea, summary')]
  .map(e => [e.outerHTML.slice(0, 60), e.getBoundingClientRect()])
  .filter(([_, r]) => r.width && (r.height < 24 || r.width < 24)).map(([text]) => text)
"""


@dataclass(frozen=True)
class Desk:
    """A browser's tab at a customer's page."""

    tab: Tab
    base: str
    office: Office
    account: UUID

    @property
    def page(self) -> str:
        """The address of the customer's page."""
        return f"{self.base}/app/accounts/{self.account}"

    async def sent(self, form: str, **values: str) -> None:
        """Fill a form and send it past the browser's own checks; wait until the next page is there."""
        fill = "".join(f"f.elements[{name!r}].value = {value!r};" for name, value in values.items())
        await self.tab.evaluate("window.before = true")
        await self.tab.evaluate(f"(() => {{ const f = document.querySelector({form!r}); {fill} f.submit() }})()")
        for _ in range(100):
            await asyncio.sleep(0.05)
            if await self.tab.evaluate("!window.before && document.readyState === 'complete'"):
                return
        raise TimeoutError(form)


@pytest.fixture(scope="module")
async def office(database_url: str, redis_url: str, scoring_pool: Pool) -> AsyncIterator[Office]:
    async with running(database_url, redis_url, "development") as web:
        yield await open_office(web, scoring_pool)


@pytest.fixture(scope="module")
async def base(office: Office) -> AsyncIterator[str]:
    async with listening(office.web.app) as address:
        yield address


@pytest.fixture(scope="module")
async def tab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tab]:
    async with chromium.tab(tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.fixture
async def desk(office: Office, base: str, tab: Tab) -> Desk:
    """A customer of the test's own."""
    await tab.look(1280)
    return Desk(tab, base, office, await office.customer(well=False))


async def test_a_form_of_our_page_is_taken(desk: Desk) -> None:
    await desk.tab.open(desk.page)
    await desk.sent('form[action$="/notes#notes"]', text="Two lines,\nin one note.")

    assert await desk.tab.evaluate("location.pathname + location.hash") == f"/app/accounts/{desk.account}#notes"
    assert "Two lines,\nin one note." in await desk.tab.evaluate("document.body.innerText")


async def test_a_form_that_is_wrong_comes_back_open_with_what_was_typed(desk: Desk) -> None:
    await desk.tab.open(desk.page)
    await desk.sent('form[action$="/override#override"]', reason="They stay.", days="45", band="red")
    shown = await desk.tab.evaluate(
        "(() => { const f = document.querySelector('form[action$=\"/override#override\"]'); return ["
        " f.closest('details').open, f.elements.reason.value, f.elements.days.value, f.elements.band.value,"
        " document.getElementById(f.elements.days.getAttribute('aria-describedby')).innerText] })()"
    )

    assert shown == [True, "They stay.", "45", "red", "At most 30."]


async def test_a_form_of_a_page_elsewhere_is_refused(desk: Desk) -> None:
    async with desk.office.client() as client:
        foreign = f'<form method="post" action="{desk.page}/notes"><input name="text" value="forged"></form>'
        await desk.tab.open(f"data:text/html,{quote(foreign)}")
        await desk.sent("form")
        shown = await desk.tab.evaluate("document.body.innerText")
        kept = (await client.get(f"/accounts/{desk.account}/notes")).json()["data"]

    assert "This form was not sent from our own page" in shown
    assert kept == []


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_forms_fit_are_named_and_large_enough(desk: Desk, width: int, theme: str) -> None:
    async with desk.office.client() as client:
        for path, body in (
            ("notes", {"text": "Endless" * 80}),
            ("feedback", {"because": "Endless" * 80, "author": "Somebody" * 20}),
            ("override", {"band": "red", "reason": "Endless" * 80, "days": 3}),
            ("pulse", {"value": "poor", "reason": "Endless" * 80}),
        ):
            await client.post(f"/accounts/{desk.account}/{path}", json=body)
    await desk.tab.look(width, prefers_color_scheme=theme)
    for path in (desk.page, f"{desk.base}/app/feedback", f"{desk.base}/app/overrides", f"{desk.base}/app/"):
        await desk.tab.open(path)
        await desk.tab.evaluate(OPEN_ALL)
        assert await desk.tab.evaluate(SIDEWAYS) <= 0, path
        assert await desk.tab.evaluate(NAMELESS) == [], path
        assert await desk.tab.evaluate(TWICE) == [], path
        assert await desk.tab.evaluate(SMALL_TARGETS) == [], path
        assert desk.tab.failures == [], path
