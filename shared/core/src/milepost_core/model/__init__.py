"""A score model as a document: parsed into frozen parts, or refused with every reason.

It never scores anything. Start at `document` for the parts and at `parsing` for how they are read.
"""

from milepost_core.model.document import (
    Action,
    Band,
    Bands,
    Baseline,
    Calibration,
    Column,
    Condition,
    Dimension,
    Gate,
    Milestone,
    MissingPolicy,
    ScoreModel,
    Segment,
    Signal,
    Stage,
)
from milepost_core.model.lint import lint
from milepost_core.model.normalisers import (
    BandCurve,
    CategoryMap,
    Curve,
    Percentile,
    Piecewise,
    Saturating,
    Stale,
)
from milepost_core.model.parsing import DOCUMENT_FORMAT, parse_model
from milepost_core.model.problems import ModelInvalid, ModelProblem
from milepost_core.model.sources import Scalar, Source, Where
from milepost_core.model.texts import Broad, Counted, Summary, Texts

__all__ = [
    "DOCUMENT_FORMAT",
    "Action",
    "Band",
    "BandCurve",
    "Bands",
    "Baseline",
    "Broad",
    "Calibration",
    "CategoryMap",
    "Column",
    "Condition",
    "Counted",
    "Curve",
    "Dimension",
    "Gate",
    "Milestone",
    "MissingPolicy",
    "ModelInvalid",
    "ModelProblem",
    "Percentile",
    "Piecewise",
    "Saturating",
    "Scalar",
    "ScoreModel",
    "Segment",
    "Signal",
    "Source",
    "Stage",
    "Stale",
    "Summary",
    "Texts",
    "Where",
    "lint",
    "parse_model",
]
