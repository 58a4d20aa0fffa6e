"""Milestones and account attributes as of the moment asked for; it never looks at behaviour."""

import numpy as np

from milepost_core.model import sources
from milepost_core.readings import Status
from scoring_api.queries.ordering import newest_first
from scoring_api.queries.signals.measured import Finisher, Measured, known
from scoring_api.queries.signals.selecting import DAY, told_by
from scoring_api.queries.signals.sheet import Columns, Sheet

DONE = "milestone.completed"


def compile_milestones(sheet: Sheet, source: sources.MilestoneProgress) -> Finisher:
    """Return the finisher of the weighted share of due or done milestones that are done; late ones count less."""
    penalty = sheet.bind(source.late_penalty_per_day, "float8")
    floor = sheet.bind(source.late_floor, "float8")
    late = f"greatest(0, coalesce(extract(epoch from m.done_at - m.due_at)::float8 / {DAY}, 0))"
    gained = f"m.weight * greatest({floor}, 1 - {late} * {penalty})"
    counted = "m.done_at is not null or m.due_at <= b.as_of"
    gain = sheet.column("milestones", f"coalesce(sum({gained}) filter (where m.done_at is not null), 0)")
    total = sheet.column("milestones", f"coalesce(sum(m.weight) filter (where {counted}), 0)")

    def finish(columns: Columns) -> Measured:
        whole = columns[total]
        share = np.divide(columns[gain], whole, out=np.full_like(whole, np.nan), where=whole > 0)
        return known(share, 0.0 * columns["age"]).unless(whole <= 0, Status.NOTHING_DUE)

    return finish


def reached(sheet: Sheet, visible: str) -> str:
    """Return the query that gives an account's milestones `m` with the moment each was first done."""
    done = sheet.bind(DONE, "text")
    return (
        "select t.weight, t.due_at, d.done_at from scoring.milestone t left join ("  # noqa: S608 - placeholders of ours
        f"select r.item, min(r.occurred_at) as done_at from scoring.record r where {visible} and r.type = {done}"
        " group by r.item) d on d.item = t.milestone_id where t.account_id = b.account_id"
    )


def compile_attribute(sheet: Sheet, source: sources.Attribute) -> Finisher:
    """Return the finisher of a number known about the account; NaN without one. It is only ever a denominator."""
    name = sheet.bind(source.name, "text")
    newest = (
        "select a.value from scoring.attribute a where a.account_id = b.account_id"  # noqa: S608 - placeholders of ours
        f" and a.name = {name} and {told_by('a')}"
        f" order by {newest_first('a')} limit 1"
    )
    number = (
        "case when jsonb_typeof(v.value) = 'number' then"
        " case when abs((v.value #>> '{}')::numeric) < 1e15 then (v.value #>> '{}')::float8 end end"
    )
    column = sheet.column("attributes", f"(select {number} from ({newest}) v)")  # noqa: S608 - as above

    def finish(columns: Columns) -> Measured:
        value = columns[column]
        return known(value, 0.0 * columns["age"]).unless(np.isnan(value), Status.NO_DENOMINATOR)

    return finish
