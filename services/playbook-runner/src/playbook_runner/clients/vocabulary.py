"""Asks the scoring API what its score models in charge measure, so that a playbook names nothing that is not there.

It keeps no answer: who saves a playbook right after a new model wants that model's words.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from milepost_core.model import ModelInvalid, ScoreModel, parse_model
from milepost_core.playbooks.parsing_conditions import Vocabulary
from playbook_runner.clients.scoring import HealthAway, ScoringClient


@dataclass(frozen=True)
class VocabularyClient:
    """The question which names there are."""

    scoring: ScoringClient = field(repr=False)

    async def known(self) -> Vocabulary:
        """Return the names of all models in charge, together. Raises HealthAway."""
        listed = await self._object("/models")
        judging = [(one["id"], one["in_charge"]) for one in listed.get("data", ()) if one.get("in_charge")]
        models: list[ScoreModel] = []
        for model_id, version in judging:
            document = await self._object(f"/models/{quote(model_id, safe='')}/versions/{version}?format=json")
            try:
                models += _variants(parse_model(document))
            except ModelInvalid as error:
                raise HealthAway(f"the score model {model_id} cannot be read here ({str(error)[:200]})") from None
        return Vocabulary(
            signal=frozenset(one.id for model in models for one in model.signals),
            dimension=frozenset(one.id for model in models for one in model.dimensions),
            milestone=frozenset(one.id for model in models for one in model.milestones),
            gate=frozenset(one.id for model in models for one in model.gates),
            stage=frozenset(one.id for model in models for one in model.stages),
        )

    async def _object(self, path: str) -> Mapping[str, Any]:
        status, body = await self.scoring.ask(path)
        try:
            found = json.loads(body) if status == 200 else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise HealthAway(f"the scoring API answered {status} when it was asked for its models")
        return found


def _variants(model: ScoreModel) -> Iterator[ScoreModel]:
    yield model
    yield from (segment.model for segment in model.segments)
