"""Notes on an account, each with the score as it stood when it was written; a note never moves a score."""

from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from milepost_runtime.idempotency import let_go
from milepost_runtime.ids import new_id
from scoring_api.people.feedback_views import NotePage, NoteRequest, NoteView
from scoring_api.people.speaking import Speaker, Speaking, WordUnknown, then
from scoring_api.queries import notes as queries
from scoring_api.queries import people


@dataclass(frozen=True)
class Noting:
    """The use cases of notes."""

    speaking: Speaking = field(repr=False)

    async def write(self, asked: str, wanted: NoteRequest, speaker: Speaker) -> NoteView:
        """Keep a note beside the score of now. Raises AccountUnknown."""
        async with self.speaking.about(asked) as held:
            stands = await people.stands(held.connection, held.account_id)
            figures = (stands["as_of"], stands["display"], stands["effective_band"]) if stands else (None, None, None)
            said = (wanted.visibility, wanted.text, speaker.author, speaker.told_by)
            await queries.insert(held.connection, (held.account_id, new_id(), *said, held.now, *figures))
            kept = await queries.listed(held.connection, held.account_id, None, None, 1)
        return _view(kept[0])

    async def page(self, asked: str, visibility: str | None, cursor: str | None, limit: int) -> NotePage:
        """Return the notes of an account, the newest first. Raises AccountUnknown, CursorBroken."""
        account = await self.speaking.account(asked)
        after = self.speaking.place("notes", (account, visibility), cursor)
        found = await queries.listed(self.speaking.pool, account, visibility, after, limit + 1)
        rows, more = self.speaking.cut("notes", (account, visibility), found, limit)
        return NotePage(data=tuple(_view(row) for row in rows), next_cursor=more)

    async def delete(self, asked: str, note: UUID, speaker: Speaker) -> None:
        """Take a note away, its text for good. Raises AccountUnknown, WordUnknown."""
        async with self.speaking.about(asked) as held:
            if not await queries.delete(held.connection, held.account_id, note, speaker.author):
                raise WordUnknown("note", str(note))
            await let_go(held.connection, named(note))


def named(note: UUID) -> str:
    """Return what kept answers are found by that show a note."""
    return f"note:{note}"


def _view(row: asyncpg.Record) -> NoteView:
    return NoteView(
        id=row["id"],
        account_id=row["account_id"],
        text=row["text"],
        visibility=row["visibility"],
        author=row["author"],
        told_by=row["told_by"],
        created_at=row["created_at"],
        then=then(row),
    )
