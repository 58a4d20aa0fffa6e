"""Milestones and account attributes as of the moment asked for; it never looks at behaviour."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from milepost_core.events import OUTCOME_TYPES
from milepost_core.model import sources
from milepost_core.model.document import Milestone
from milepost_core.model.section import FAINT
from milepost_core.readings import Status
from scoring_api.queries.ordering import newest_first, sequence
from scoring_api.queries.signals.measured import Finisher, Measured, known
from scoring_api.queries.signals.selecting import DAY, select, told_by, told_number
from scoring_api.queries.signals.sheet import Columns, Sheet

DONE = "milestone.completed"
# What we found ourselves, by a condition of the model: no person said it.
FOUND = "condition:"
PLANNED, DROPPED, REOPENED = "milestone.planned", "milestone.dropped", "milestone.reopened"


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


def reached(sheet: Sheet, visible: str, plan: Sequence[Milestone]) -> str:
    """Return the query of an account's milestones `m`: id, place, weight, due_at, done_at, the words that say so.

    The plan is what the model says, due so many days after the start, as far as the newest visible word on an item
    does not say otherwise: `milestone.planned` plans it (again), what it leaves out is the model's; `milestone.dropped`
    takes it out. A milestone is done at its first completion after it was last reopened.
    """
    words = sheet.bind([PLANNED, DROPPED, REOPENED], "text[]")
    taken_back = sheet.bind(REOPENED, "text")
    # One short look for words of people: of most accounts there are none.
    return (
        f"with said as materialized (select r.* from scoring.record r where {visible} and r.type = any({words})"  # noqa: S608 - placeholders and names of ours
        " and r.item is not null),"
        f" word as (select distinct on (r.item) r.* from said r where r.type <> {taken_back}"
        f" order by r.item, {newest_first('r')}),"
        f" reopened as (select distinct on (r.item) r.item, r.occurred_at, {sequence('r')} as place from said r"
        f" where r.type = {taken_back} order by r.item, {newest_first('r')})"
        " select coalesce(w.item, t.id) as id, t.place, w.properties as said,"
        f" {_weight('w')} as weight, {_due('w')} as due_at, d.done_at, d.done_event,"
        f" (select count(*) from said s where s.item = coalesce(w.item, t.id) and s.type = {taken_back}) as reopened,"
        " (select o.occurred_at from reopened o where o.item = coalesce(w.item, t.id)) as reopened_at"
        f" from {_template(sheet, plan)} full join word w on w.item = t.id"
        f" left join ({_done(sheet, visible, plan)}) d on d.item = coalesce(w.item, t.id)"
        f" where w.item is null or w.type <> {sheet.bind(DROPPED, 'text')}"
    )


def _template(sheet: Sheet, plan: Sequence[Milestone]) -> str:
    """Return the rows `t` of the model's own plan."""
    ids = sheet.bind([one.id for one in plan], "text[]")
    weights = sheet.bind([one.weight for one in plan], "float8[]")
    spans = [None if one.target_day is None else timedelta(days=one.target_day) for one in plan]
    spans_given = sheet.bind(spans, "interval[]")
    return f"unnest({ids}, {weights}, {spans_given}) with ordinality as t(id, weight, span, place)"


def _weight(word: str) -> str:
    """Return the expression for the weight that a word gives (a faint one is none), else the model's, else 1."""
    value = f"{word}.properties -> 'weight'"
    number = f"({word}.properties ->> 'weight')::numeric"
    some = f"case when {number} between 0 and 1e9 then case when {number} < {FAINT} then 0 else {number} end end"
    told = f"case when jsonb_typeof({value}) = 'number' then {some} end"
    return f"coalesce(({told})::float8, t.weight, 1)"


def _due(word: str) -> str:
    """Return the expression for the day that a word gives (null: none), else the model's, counted from the start."""
    no_day = f"jsonb_typeof({word}.properties -> 'due_at') = 'null'"
    return f"case when {no_day} then null else coalesce({word}.due_at, b.start_at + t.span) end"


def _done(sheet: Sheet, visible: str, plan: Sequence[Milestone]) -> str:
    """Return the query of when each item was first completed since it was last reopened."""
    told = f"r.occurred_at, {sequence('r')} as place, r.event_id from scoring.record r where {visible}"
    completions = [f"select r.item, {told}"]
    completions[0] += f" and r.type = {sheet.bind(DONE, 'text')} and r.item is not null"
    for one in plan:
        if one.done_by is not None:
            # Bound where it is used: PostgreSQL refuses a parameter that no statement names.
            outcomes = sheet.bind(sorted(OUTCOME_TYPES), "text[]")
            completions.append(
                f"select {sheet.bind(one.id, 'text')}, {told} and r.type <> all({outcomes})"
                f" and {select(sheet, one.done_by).condition}"
            )
    return (
        "select c.item, min(c.occurred_at) as done_at,"  # noqa: S608 - as above
        " (array_agg(c.event_id order by c.occurred_at, c.place))[1] as done_event"
        f" from ({' union all '.join(completions)}) c left join reopened o on o.item = c.item"
        " where o.item is null or (c.occurred_at, c.place) > (o.occurred_at, o.place) group by c.item"
    )


def compile_attribute(sheet: Sheet, source: sources.Attribute) -> Finisher:
    """Return the finisher of a number known about the account; NaN without one. It is only ever a denominator."""
    name = sheet.bind(source.name, "text")
    newest = (
        "select a.value from scoring.attribute a where a.account_id = b.account_id"  # noqa: S608 - placeholders of ours
        f" and a.name = {name} and {told_by('a')}"
        f" order by {newest_first('a')} limit 1"
    )
    told = told_number("(v.value #>> '{}')::numeric")
    number = f"case when jsonb_typeof(v.value) = 'number' then {told} end"
    column = sheet.column("attributes", f"(select {number} from ({newest}) v)")  # noqa: S608 - as above

    def finish(columns: Columns) -> Measured:
        value = columns[column]
        return known(value, 0.0 * columns["age"]).unless(np.isnan(value), Status.NO_DENOMINATOR)

    return finish
