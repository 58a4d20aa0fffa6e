"""Every figure that a look at accounts gives, byte for byte: readings, scores, attributes, plans, documents.

It looks by the service's own statement and law, as one who stands at a moment of the past would.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import isnan
from uuid import UUID

import numpy as np

from milepost_core.model import ScoreModel
from milepost_runtime.database import Connection
from scoring_api.queries.attributes import attributes_at
from scoring_api.queries.plans import read_plans
from scoring_api.queries.signals.measuring import Batch, measure
from scoring_api.queries.signals.statement import compile_model
from scoring_api.scores.documenting import Subject, build_document
from scoring_api.scores.judging import Before, Judged, Reference, judge_batch, verdict
from scoring_api.scores.lineup import LineUp


async def figures(connection: Connection, lineup: LineUp, accounts: Sequence[UUID], at: datetime) -> dict[UUID, bytes]:
    """All figures of each account as it was known at a moment, by the model that judged it then."""
    found = {}
    attributes = await attributes_at(connection, Batch(accounts, [at] * len(accounts)))
    for account, said in zip(accounts, attributes, strict=True):
        model = lineup.judge_of(said)
        readings, ages = await measure(connection, compile_model(model), Batch([account], [at]))
        parts: list[object] = [model.id, sorted(said.items()), readings, ages.tobytes()]
        assert readings.category is not None
        parts += [one.tobytes() for one in (readings.raw, readings.status, readings.censored, readings.age_days)]
        parts += [readings.category.tolist()]
        if not isnan(ages[0]):
            judged = judge_batch(model, readings, ages)
            parts += [judged.scores, await document(connection, judged, account, at)]
        found[account] = repr(parts).replace(str(account), "account").encode()
    return found


async def document(connection: Connection, judged: Judged, account: UUID, at: datetime) -> str:
    """The health document of that moment, as far as records say it."""
    model: ScoreModel = judged.model
    plans = await read_plans(connection, model, [account], at)
    one = verdict(judged, 0, at, Before(None, None, None), Reference("neutral", np.full(len(model.signals), 50.0)))
    start = at - timedelta(days=float(judged.population.age_days[0]))
    subject = Subject(account, "Somebody", None, None, start, (), plans[account].plan, {})
    return build_document(one, subject, at, "http://test").model_dump_json()
