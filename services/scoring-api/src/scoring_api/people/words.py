"""Everything that people can say of a score, put together once; it says nothing itself."""

from dataclasses import dataclass

from scoring_api.people.doubting import Doubting
from scoring_api.people.erasing import Erasing
from scoring_api.people.noting import Noting
from scoring_api.people.overriding import Overriding
from scoring_api.people.pulsing import Pulsing
from scoring_api.people.speaking import Speaking
from scoring_api.scores.lineup import LineUps


@dataclass(frozen=True)
class People:
    """The use cases of people's words."""

    overriding: Overriding
    pulsing: Pulsing
    noting: Noting
    doubting: Doubting
    erasing: Erasing

    @classmethod
    def over(cls, speaking: Speaking, lineups: LineUps, steward: str) -> "People":
        """Return them all over one store; the steward answers for accounts without an owner."""
        doubting = Doubting(speaking, steward)
        return cls(Overriding(speaking), Pulsing(speaking, lineups), Noting(speaking), doubting, Erasing(speaking))
