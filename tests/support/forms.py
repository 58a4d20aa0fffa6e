"""Forms of the screens as a browser sends them, and pages as a person reads them; it checks nothing."""

import re
from html import unescape
from urllib.parse import urlencode

import httpx

OURS = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
FORMS = {
    "override": {"band": "red", "reason": "They told us on the phone.", "days": "14"},
    "pulse": {"value": "good", "reason": "They want two more seats.", "days": "90"},
    "notes": {"text": "Import waits for their IT.", "visibility": "partner"},
    "feedback": {"because": "The tickets are wishes.", "signal": "open_critical", "expected_band": "green"},
}


async def send(browser: httpx.AsyncClient, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
    """Send a form from a page of ours."""
    return await browser.post(path, content=urlencode(fields), headers=OURS | headers)


def words(page: str) -> str:
    """Return what stands on a page, without its marks."""
    page = re.sub(r"</?bdi[^>]*>", "", page)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).replace("\xa0", " ").split())
