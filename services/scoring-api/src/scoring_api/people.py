"""Everything that people can say of a score, put together once; it says nothing itself."""

from dataclasses import dataclass

from scoring_api.doubting import Doubting
from scoring_api.erasing import Erasing
from scoring_api.lineup import LineUps
from scoring_api.noting import Noting
from scoring_api.overriding import Overriding
from scoring_api.pulsing import Pulsing
from scoring_api.speaking import Speaking


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
