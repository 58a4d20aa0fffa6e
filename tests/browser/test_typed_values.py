"""Claims about what people and providers typed: however long or odd, it neither widens nor disturbs a page."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from support import chromium
from support.chromium import Tab
from support.health_documents import NOW, days, document, driver
from support.listening import listening
from support.scoring_web import Web, keep, running

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.executable() is None, reason="no Chromium on this machine"),
]
ENDLESS, UNBROKEN, REVERSED = UUID(int=101), UUID(int=102), UUID(int=103)
WORDS = {
    ENDLESS: "W" * 5000,
    UNBROKEN: "Donaudampfschifffahrtsgesellschaftskapit",
    REVERSED: "Acme \N{POP DIRECTIONAL ISOLATE}\N{RIGHT-TO-LEFT OVERRIDE}gro.liam",
}
PAGES = (
    "/app/",
    *(f"/app/accounts/{account}{rest}" for account in WORDS for rest in ("", "/evidence/milestones")),
    "/app/?owner=" + "W" * 1500,
    "/app/accounts/external:" + "W" * 300,
)
OPEN_ALL = "document.querySelectorAll('details').forEach(one => one.open = true)"
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Whatever ends to the right of its panel, table or window is cut or lies over something else.
SPILT = """
[...document.querySelectorAll('main bdi, main select, main td, main th, main dd')].filter(one => {
  if (one.closest('thead')) return false;
  const around = (one.closest('.panel, table.accounts') || document.documentElement).getBoundingClientRect();
  return one.getBoundingClientRect().right > around.right + 1; }).map(one => one.outerHTML.slice(0, 80))
"""
# The left edge of the first letter of a text that is ours, and whether all its letters run from left to right.
IN_ORDER = """
(() => { const walk = document.createTreeWalker(document.querySelector('.facts'), NodeFilter.SHOW_TEXT);
  for (let node; node = walk.nextNode();) { if (node.textContent !== ' stage') continue;
    const edges = [...node.textContent].map((_, n) => { const range = document.createRange();
      range.setStart(node, n); range.setEnd(node, n + 1); return range.getBoundingClientRect().left; });
    const before = node.previousSibling.getBoundingClientRect().left;
    return edges.every((edge, n) => edge >= (n ? edges[n - 1] : before)); } })()
"""


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url, "development") as made:
        for account, word in WORDS.items():
            await keep(made.owner, told_with(account, word), days())
            await record(made, account, word)
        yield made


@pytest.fixture(scope="module")
async def base(web: Web) -> AsyncIterator[str]:
    async with listening(web.app) as address:
        yield address


@pytest.fixture(scope="module")
async def tab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tab]:
    async with chromium.tab(tmp_path_factory.mktemp("profile")) as made:
        yield made


def told_with(account: UUID, word: str) -> Any:
    """A document in which everything that somebody can type is this word."""
    who = {
        "id": account, "name": word, "segment": word, "stage": word, "owner": word, "age_days": 12,
        "references": [f"external:{word}"], "start_at": NOW - timedelta(days=12),
    }  # fmt: skip
    milestone = {"id": "m", "label": word, "state": "late", "due_at": NOW, "done_at": None, "days_late": 0}
    return document(
        account=who,
        drivers=[driver("milestones", "onboarding", -12.4, 14.1, f"the plan is {word}", label=word, value=word)],
        gates=[{"id": "gate", "label": word, "points": -1.9, "sentence": word}],
        missing=[{"signal": "sentiment", "label": word, "dimension": "d", "why": word, "code": "missing:never"}],
        next_steps=[{"label": word, "because": word, "signal": "milestones", "points": 1.0}],
        milestones={"done": 0, "due": 1, "late": 1, "next": milestone, "items": [milestone]},
        summary=f"47.3 of 100; most points are lost to {word}.",
    )


async def record(web: Web, account: UUID, word: str) -> None:
    """One record behind the milestones signal, with the word wherever a record may hold one."""
    await web.owner.execute(
        "insert into scoring.record (event_id, account_id, type, occurred_at, recorded_at, actor, role, item,"
        " value_text, properties, source) values ($1, $2, 'milestone.completed', $3, $3, $4, $4, $4, $4,"
        " jsonb_build_object($4::text, $4::text), $5)",
        f"typed:{account}", account, NOW, word, word[:100],
    )  # fmt: skip


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path[:60])
@pytest.mark.parametrize("width", [320, 768, 1040, 1280])
async def test_no_word_is_so_long_that_a_page_scrolls_sideways(tab: Tab, base: str, path: str, width: int) -> None:
    await tab.look(width)
    await tab.open(base + path)
    await tab.evaluate(OPEN_ALL)

    assert await tab.evaluate(SIDEWAYS) <= 0
    assert await tab.evaluate(SPILT) == []


async def test_direction_controls_in_a_name_do_not_turn_our_own_words(tab: Tab, base: str) -> None:
    await tab.look(1280)
    await tab.open(f"{base}/app/accounts/{REVERSED}")

    assert await tab.evaluate(IN_ORDER) is True
    assert await tab.evaluate("document.title") == "Acme gro.liam: 47.3, Watch · Milepost"


async def test_a_page_of_endless_names_stays_short_enough_to_read(tab: Tab, base: str) -> None:
    await tab.look(1280)
    await tab.open(f"{base}/app/")

    assert await tab.evaluate("Math.max(...[...document.querySelectorAll('tr')].map(e => e.clientHeight))") < 260
