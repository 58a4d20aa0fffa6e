"""Models in charge that never change, and any others that may be asked for; nothing of them is in the store."""

from datetime import datetime
from typing import Any

from milepost_core.model import ScoreModel
from scoring_api.scores.lineup import LineUp


class Several:
    """What `LineUps` promises, for models given at once."""

    def __init__(self, *models: ScoreModel) -> None:
        self.lineup = LineUp.of(models)

    async def now(self, _connection: Any) -> LineUp:
        return self.lineup

    async def at(self, _connection: Any, _moment: datetime) -> LineUp:
        return self.lineup

    async def numbered(self, _connection: Any, _number: int) -> LineUp:
        return self.lineup

    async def model(self, _connection: Any, model_id: str, version: int) -> ScoreModel:
        return next(one for one in self.lineup.models if (one.id, one.version) == (model_id, version))
