"""Tells stories through the feed, and what our own people say of the accounts on the days on which they say it."""

from collections.abc import Sequence

import asyncpg
from support.chance_feeds import Story
from support.histories import tell

from milepost_runtime.lanes import drain
from scoring_api.queries.records import OwnWord, insert_own
from scoring_api.scores.recording import Recording

# People speak when they speak: for a story of the past their words are set back to the day they belong to.
_BACKDATED = (
    "update scoring.record set event_id = $2, recorded_at = $3, sequence = $4 where account_id = $1 and event_id = $5"
)


async def told(owner: asyncpg.Connection, recording: Recording, stories: Sequence[Story]) -> None:
    """Tell stories through the feed and let our own people say their words; those of strangers are lost."""
    await tell(owner, [one for story in stories for one in story.feed.told])
    await drain(recording.pool, recording.lane, seconds=60)
    for story in stories:
        await say(owner, recording, story)


async def say(owner: asyncpg.Connection, recording: Recording, story: Story) -> None:
    for row in story.feed.own:
        one = row.told
        word = OwnWord(one.type, row.at, item=one.item, value=one.value, expires_at=row.expires_at)
        async with recording.pool.acquire() as connection:
            ids = await insert_own(connection, story.account, [word])
        for event_id in ids:
            await owner.execute(_BACKDATED, story.account, one.event_id, row.known, one.sequence, event_id)
