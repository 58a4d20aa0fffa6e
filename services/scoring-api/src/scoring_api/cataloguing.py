"""The score models that this deployment knows, as documents and parsed; it activates and changes none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from milepost_core.model import ScoreModel
from scoring_api.founding import Founding
from scoring_api.models import ReadModel, read_model
from scoring_api.views import ModelList, ModelSummary


class ModelUnknown(Exception):
    """No score model has this id and version."""

    def __init__(self, model_id: str, version: int, known: Sequence[tuple[str, int]]) -> None:
        names = ", ".join(f"{name} version {number}" for name, number in known)
        super().__init__(f"there is no score model '{model_id[:100]}' version {version}; known: {names}")


@dataclass(frozen=True)
class Catalogue:
    """All models by id and version; `active` makes today's scores."""

    active: ScoreModel
    models: Mapping[tuple[str, int], ReadModel]
    founding: Founding

    def listed(self) -> ModelList:
        """Return every model with whether it is the active one."""
        rows = [
            ModelSummary(id=name, version=version, title=known.parsed.title, active=known.parsed is self.active)
            for (name, version), known in sorted(self.models.items())
        ]
        return ModelList(data=tuple(rows))

    def document(self, model_id: str, version: int) -> dict[str, Any]:
        """Return a model as its document. Raises ModelUnknown."""
        return dict(self._known(model_id, version).document)

    def model(self, model_id: str, version: int) -> ScoreModel:
        """Return a model parsed. Raises ModelUnknown."""
        return self._known(model_id, version).parsed

    def closest(self, model_id: str, version: int) -> ScoreModel:
        """Return the model that made a score, or what is nearest to it when it is not kept any more."""
        found = self.models.get((model_id, version))
        return found.parsed if found else self.active

    def _known(self, model_id: str, version: int) -> ReadModel:
        try:
            return self.models[model_id, version]
        except KeyError:
            raise ModelUnknown(model_id, version, sorted(self.models)) from None


def load_catalogue(active: str) -> Catalogue:
    """Return the shipped models, and `active` (the id of one of them, or the path of a file) as the one that judges.

    Raises ModelDocumentInvalid for a document that the law refuses, FileNotFoundError for a path without a file.
    """
    shipped = sorted(files("scoring_api").joinpath("models").iterdir(), key=lambda one: one.name)
    known = [read_model(item.read_text(encoding="utf-8"), item.name) for item in shipped if item.name.endswith(".yaml")]
    chosen = next((one for one in known if one.parsed.id == active), None)
    if chosen is None:
        chosen = read_model(Path(active).read_text(encoding="utf-8"), active)
    models = {(one.parsed.id, one.parsed.version): one for one in (*known, chosen)}
    return Catalogue(chosen.parsed, models, Founding(known, chosen))
