"""Forgets a person in what people said of accounts, whoever knows of that person; it never undoes that.

Events are the business of the service that took them: what they say of a person is blanked there, and its word comes
through the feed.
"""

from dataclasses import dataclass, field

from scoring_api.people.feedback_views import ErasureDone, ErasureRequest
from scoring_api.people.speaking import Speaker, Speaking
from scoring_api.queries import unsaying
from scoring_api.queries.unsaying import ANYBODY, Name


@dataclass(frozen=True)
class Erasing:
    """The use case of erasures; doing one again changes nothing more."""

    speaking: Speaking = field(repr=False)

    async def erase(self, wanted: ErasureRequest, speaker: Speaker) -> ErasureDone:
        """Let the person sign nothing, have had no doubt to answer, and be named in no text, on any account."""
        accounts = await unsaying.accounts_naming(self.speaking.pool, wanted.person)
        for account in accounts:
            # One by one: what holds many accounts at once waits for a merge that waits for it.
            async with self.speaking.moving(str(account), speaker) as held:
                await unsaying.unsay(held.connection, [Name(held.account_id, wanted.person, ANYBODY)])
        return ErasureDone(accounts=len(accounts))
