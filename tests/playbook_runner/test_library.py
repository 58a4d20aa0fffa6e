"""Claims about the shipped playbooks: each starts by its own cause, writes its own copy, and ends by its own end."""

import pytest
from support.library_stories import LIBRARY, STORIES, Story, begin, leave, said
from support.outreach import Outreach

from milepost_runtime.database import Pool


@pytest.mark.parametrize("story", STORIES, ids=[one.playbook for one in STORIES])
async def test_a_shipped_playbook_starts_by_its_cause_and_writes_its_own_copy(outreach: Outreach, story: Story) -> None:
    account = await begin(outreach, story)
    await outreach.perform()
    where, words = story.first

    assert (await outreach.one("run", account))["playbook_id"] == story.playbook
    assert words in await said(outreach, account, where)
    assert {outcome for outcome, _ in await outreach.outcomes(account)} <= {"sent", "task"}


@pytest.mark.parametrize("story", STORIES, ids=[one.playbook for one in STORIES])
async def test_a_shipped_playbook_ends_by_its_exit_and_writes_no_more(
    outreach: Outreach, ingest_pool: Pool, story: Story
) -> None:
    account = await begin(outreach, story)
    how, code = story.leaves
    await leave(outreach, ingest_pool, account, how)
    await outreach.advance()
    await outreach.perform()
    run = await outreach.one("run", account)

    assert (run["state"], run["end_code"]) == ("done", code)
    assert outreach.mail.raw == []
    assert await outreach.pool.fetchval("select count(*) from step where state in ('due', 'waiting')") == 0


def test_every_shipped_playbook_has_its_story() -> None:
    assert {one.playbook for one in STORIES} == set(LIBRARY)
