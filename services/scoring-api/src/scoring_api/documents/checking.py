"""Reads score models from YAML or JSON and tells every mistake with its line and column; it stores none."""

from collections.abc import Sequence
from dataclasses import dataclass

from milepost_core.model import ModelInvalid, ScoreModel, lint, parse_model
from milepost_core.model.problems import ModelProblem
from milepost_runtime.lawful_documents import DocumentInvalid, Law, ReadDocument, Unlawful
from milepost_runtime.placed_documents import Mistake, Placed


class ModelDocumentInvalid(DocumentInvalid):
    """A document that is no score model."""

    what = "score model"


@dataclass(frozen=True)
class ReadModel(ReadDocument[ScoreModel]):
    """A score model as its author wrote it, as plain data, and parsed."""

    def doubts(self) -> Sequence[ModelProblem]:
        """Return what the model may say but probably does not mean."""
        return lint(self.parsed)


def _parsed(placed: Placed) -> ReadModel:
    try:
        return ReadModel(placed, parse_model(placed.document))
    except ModelInvalid as error:
        raise Unlawful(error.problems, error.more) from None


_LAW = Law(ModelDocumentInvalid, _parsed)
read_model = _LAW.read


def read_bytes(body: bytes, name: str, *, version: int | None = None) -> ReadModel:
    """Return the model of a file or body in UTF-8, which has to name its model. Raises ModelDocumentInvalid."""
    read = _LAW.read_bytes(body, name, version=version)
    if read.document.get("id") is None:
        nameless = Mistake(*read.placed.place("/id"), "/id", "'id' is missing", "id: what it is called")
        raise ModelDocumentInvalid(name, (nameless,))
    return read
