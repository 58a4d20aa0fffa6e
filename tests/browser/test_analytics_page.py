"""Claims about analytics in a page: a browser lets any page of any site tell Milepost what happens on it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support import chromium
from support.chromium import Tab
from support.front_door import Bench, admin_key, bench, settings
from support.listening import listening

__all__ = ["admin_key", "bench", "settings"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.executable() is None, reason="no Chromium on this machine"),
]
CALL = """
fetch('{address}/v1/{call}', {{method: 'POST', headers: {headers}, body: JSON.stringify({message})}})
    .then(answer => answer.json()).then(JSON.stringify, error => String(error))
"""
MESSAGE = "{userId: 'web', event: '%s', context: {groupId: 'page'}, messageId: '%s'%s}"


@pytest.fixture(scope="module")
async def host(bench: Bench) -> AsyncIterator[str]:
    async with listening(bench.app) as address:
        yield address


@pytest.fixture
async def page(tmp_path: Path, host: str) -> AsyncIterator[Tab]:
    """A page of another site: the same machine under another name is another origin."""
    async with chromium.tab(tmp_path) as tab:
        await tab.open(host.replace("127.0.0.1", "localhost") + "/livez")
        yield tab


async def test_a_page_of_another_site_may_call_with_its_key_in_the_head_or_in_the_body(
    bench: Bench, host: str, page: Tab
) -> None:
    key = (await bench.connect(source="segment", secret=None))["secret"]
    asked_first = f"{{'Content-Type': 'application/json', 'Authorization': 'Basic ' + btoa('{key}:')}}"
    calls: list[dict[str, Any]] = [
        {"call": "track", "headers": asked_first, "message": MESSAGE % ("Asked First", "page-1", "")},
        {
            "call": "t",
            "headers": "{'Content-Type': 'text/plain'}",
            "message": MESSAGE % ("Told At Once", "page-2", f", writeKey: '{key}'"),
        },
    ]
    for call in calls:
        assert await page.evaluate(CALL.format(address=host, **call)) == '{"success":true}'
    await bench.relay()
    assert {row["item"] for row in await bench.events("external:page")} == {"Asked First", "Told At Once"}


async def test_a_page_can_read_why_it_is_refused(bench: Bench, host: str, page: Tab) -> None:
    call = {"call": "track", "headers": "{'Content-Type': 'text/plain'}", "message": MESSAGE % ("x", "page-3", "")}
    assert "write_key_missing" in await page.evaluate(CALL.format(address=host, **call))


async def test_no_other_door_is_open_to_pages(bench: Bench, host: str, page: Tab) -> None:
    script = f"fetch('{host}/events', {{method: 'POST', body: '[]'}}).then(() => 'read', () => 'refused')"
    assert await page.evaluate(script) == "refused"
