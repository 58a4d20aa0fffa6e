"""Claims about the demo company: the same every time, told through the front doors, without a flood of mails."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support import house as houses
from support.house import House, until

from milepost_devstack.demo.behaviour import history, news
from milepost_devstack.demo.company import HISTORY_DAYS, Story, customers
from milepost_devstack.demo.diary import Fact

TODAY = date(2026, 6, 1)


def everything() -> list[Fact]:
    return [fact for one in customers() for fact in history(one, TODAY)]


def test_the_company_is_the_same_every_time() -> None:
    assert customers() == customers()
    assert everything() == everything()


def test_sixty_customers_with_the_stories_that_a_demo_has_to_tell() -> None:
    stories = Counter(one.story for one in customers())
    told = {Story.STALLED, Story.SPONSOR_LOST, Story.TICKET_STORM, Story.LATE_PAYER, Story.RECOVERED}

    assert sum(stories.values()) == 60
    assert {story: stories[story] for story in told} == dict.fromkeys(told, 1)
    assert stories[Story.SPARSE] >= 3


def test_the_past_reaches_back_a_hundred_and_twenty_days_and_carries_its_own_time() -> None:
    facts = everything()
    midnight = datetime.combine(TODAY, datetime.min.time(), UTC)

    assert min(fact.at for fact in facts) > midnight - timedelta(days=HISTORY_DAYS)
    assert min(fact.at for fact in facts) < midnight - timedelta(days=HISTORY_DAYS - 10)
    assert max(fact.at for fact in facts) < midnight


def test_no_two_plain_events_share_an_id() -> None:
    ids = [fact.what["id"] for fact in everything() if not fact.crm]

    assert len(ids) == len(set(ids)) > 10_000


def test_only_two_customers_have_a_bad_day_today() -> None:
    now = datetime.combine(TODAY, datetime.min.time(), UTC) + timedelta(hours=12)

    assert {one.story for one in customers() if news(one, now)} == {Story.TICKET_STORM, Story.SPONSOR_LOST}


@pytest.mark.slow
async def test_a_new_house_plays_the_company_in_and_writes_two_mails_for_today_and_none_for_the_past(
    tmp_path: Path,
) -> None:
    async with houses.running(tmp_path / "state", MILEPOST_DEMO="auto") as house:
        mails = await until(lambda: _mails(house, 2), "today's two nudges", patience_s=90)
        listed = (await house.get("scoring_api", "/accounts", params={"limit": 100})).json()["data"]
        bands = Counter(account["effective_band"]["band"] for account in listed)
        runs = (await house.get("playbook_runner", "/runs", params={"limit": 100})).json()["data"]
        books = (await house.get("ingest_webhooks", "/books")).json()
        course = await _course(house, Story.RECOVERED)
        late = await _course(house, Story.LATE_PAYER)

    assert len(listed) == 60
    assert all(bands[band] > 0 for band in ("green", "yellow", "red", "unknown"))
    assert bands["green"] > bands["yellow"] > bands["unknown"]
    assert len(mails) == len(runs) == 2
    assert "hubspot" in str(books)
    assert min(course) < 55
    assert course[-1] > 80
    assert late[-1] < 70


async def _course(house: House, story: Story) -> list[float]:
    """The score of one story's account, day by day."""
    (customer,) = (one for one in customers() if one.story is story)
    path = f"/accounts/{quote(customer.reference, safe='')}/history"
    points = (await house.get("scoring_api", path)).json()["restated"]
    return [point["score"] for point in points if point["score"] is not None]


async def _mails(house: House, expected: int) -> list[dict[str, Any]] | None:
    found = await house.mails()
    return found if len(found) >= expected else None
