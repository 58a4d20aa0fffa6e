"""The aggregates of the shipped default model for everybody at one moment, as one statement written by hand.

Set-based: one pass over the records of the last 90 days, one over those of all time that the model asks for, one over
the words on items. It judges nothing, and knows neither peers nor the milestones' planned days.
"""

# Written for `$1`, the moment. Nothing here is superseded or runs out, and people have said nothing: left out.
_AGGREGATES = """
with windows as (
  select r.account_id,
    count(distinct r.actor) filter (where r.w28 and r.used) as seats_used,
    max(r.occurred_at) filter (where r.w28 and r.used) as seats_used_at,
    count(distinct (r.occurred_at at time zone 'UTC')::date) filter (where r.w14 and r.used) as active_days,
    max(r.occurred_at) filter (where r.w14 and r.used) as active_days_at,
    count(*) filter (where r.feature and r.w28 and r.occurred_at <= {now} - interval '21 days') as bucket3,
    count(*) filter (where r.feature and r.occurred_at > {now} - interval '21 days' and not r.w14) as bucket2,
    count(*) filter (where r.feature and r.w14 and r.occurred_at <= {now} - interval '7 days') as bucket1,
    count(*) filter (where r.feature and r.occurred_at > {now} - interval '7 days') as bucket0,
    max(r.occurred_at) filter (where r.feature and r.w28) as feature_at,
    count(distinct r.item) filter (where r.feature and r.w28) as features,
    avg(r.value) filter (where r.type = 'ticket.resolved' and r.w60) as resolution,
    count(r.value) filter (where r.type = 'ticket.resolved' and r.w60) as resolutions,
    max(r.occurred_at) filter (where r.type = 'ticket.resolved' and r.w60) as resolution_at,
    count(*) filter (where r.type = 'ticket.opened' and r.w28) as tickets,
    max(r.occurred_at) filter (where r.type = 'ticket.opened' and r.w28) as tickets_at,
    count(*) filter (where r.type = 'meeting.attended' and r.w60) as attended,
    max(r.occurred_at) filter (where r.type = 'meeting.attended' and r.w60) as attended_at,
    count(*) filter (where r.type in ('meeting.attended', 'meeting.missed') and r.w60) as held,
    max(r.occurred_at) filter (where r.type in ('meeting.attended', 'meeting.missed') and r.w60) as held_at,
    count(*) filter (where r.type = 'invoice.failed' and r.w30) as failures,
    max(r.occurred_at) filter (where r.type = 'invoice.failed' and r.w30) as failures_at,
    count(*) filter (where r.type = 'cancellation.noticed') as notices
  from (select account_id, type, occurred_at, actor, item, value, type = 'feature.used' as feature,
      type in ('session.started', 'feature.used') as used, occurred_at > {now} - interval '60 days' as w60,
      occurred_at > {now} - interval '30 days' as w30, occurred_at > {now} - interval '28 days' as w28,
      occurred_at > {now} - interval '14 days' as w14
    from scoring.record where occurred_at <= {now} and recorded_at <= {now} and occurred_at > {now} - interval '90 days'
      and type in ('session.started', 'feature.used', 'ticket.resolved', 'ticket.opened', 'meeting.attended',
        'meeting.missed', 'invoice.failed', 'cancellation.noticed')) r
  group by r.account_id
), ever as (
  select account_id,
    min(occurred_at) filter (where item in ('first_report', 'report_shared')
      and type in ('milestone.completed', 'feature.used')) as first_value,
    max(occurred_at) filter (where role = 'sponsor' and type <> 'milestone.completed') as sponsor_at,
    (array_agg(value order by occurred_at desc, recorded_at desc) filter (where type = 'survey.answered'))[1] as survey,
    max(occurred_at) filter (where type = 'survey.answered') as survey_at,
    (array_agg(value order by occurred_at desc, recorded_at desc) filter (where type = 'pulse.given'))[1] as pulse,
    max(occurred_at) filter (where type = 'pulse.given') as pulse_at,
    (array_agg(value_text order by occurred_at desc) filter (where type like 'stakeholder.%' and role = 'sponsor'))[1]
      as sponsor
  from scoring.record where occurred_at <= {now} and recorded_at <= {now}
    and type in ('feature.used', 'meeting.attended', 'message.replied', 'milestone.completed', 'pulse.given',
      'session.started', 'stakeholder.joined', 'stakeholder.left', 'stakeholder.role_changed', 'survey.answered')
  group by account_id
), items as (
  select account_id, count(*) filter (where kind = 'task' and due_at < {now}) as overdue,
    count(*) filter (where kind = 'ticket' and severity in ('"high"', '"critical"', '"urgent"')) as critical,
    min(since) filter (where kind = 'invoice') as oldest_invoice
  from (select account_id, split_part(type, '.', 1) as kind, item,
      (array_agg(due_at order by occurred_at desc) filter (where due_at is not null))[1] as due_at,
      (array_agg(properties -> 'severity' order by occurred_at desc)
        filter (where properties ? 'severity'))[1] as severity,
      min(occurred_at) filter (where type in ('invoice.overdue', 'invoice.failed')) as since,
      max(occurred_at) filter (where type in ('ticket.opened', 'ticket.reopened', 'task.created', 'invoice.issued',
        'invoice.overdue', 'invoice.failed')) as opened_at,
      max(occurred_at) filter (where type in ('ticket.resolved', 'task.completed', 'invoice.paid')) as closed_at
    from scoring.record where occurred_at <= {now} and recorded_at <= {now} and item is not null
      and type in ('ticket.opened', 'ticket.reopened', 'ticket.updated', 'ticket.escalated', 'ticket.resolved',
        'task.created', 'task.completed', 'invoice.issued', 'invoice.overdue', 'invoice.failed', 'invoice.paid')
    group by account_id, split_part(type, '.', 1), item) i
  where opened_at > coalesce(closed_at, '-infinity') group by account_id
), done as (
  select account_id, sum(case item when 'kickoff' then 1 when 'team_trained' then 1 else 2 end
      * greatest(0.5, 1 - 0.02 * greatest(0, extract(epoch from done_at - due_at) / 86400))) as gained
  from (select r.account_id, r.item, min(r.occurred_at) as done_at, min(a.start_at) + case r.item
      when 'kickoff' then interval '3 days' when 'sso' then interval '14 days' when 'data_import'
      then interval '21 days' when 'first_report' then interval '30 days' when 'team_trained' then interval '45 days'
      else interval '75 days' end as due_at
    from scoring.record r join scoring.account a using (account_id)
    where r.occurred_at <= {now} and r.recorded_at <= {now} and r.type = 'milestone.completed' and r.item is not null
    group by r.account_id, r.item) m
  group by account_id
), seats as (
  select distinct on (account_id) account_id, (value #>> '{}')::float8 as seats from scoring.attribute
  where name = 'seats' and occurred_at <= {now} and recorded_at <= {now} order by account_id, occurred_at desc
)
select a.account_id, extract(epoch from {now} - a.start_at)::float8 / 86400 as age, w.seats_used, w.seats_used_at,
  w.active_days, w.active_days_at, w.bucket0, w.bucket1, w.bucket2, w.bucket3, w.feature_at, w.features, w.resolution,
  w.resolutions, w.resolution_at, w.tickets, w.tickets_at, w.attended, w.attended_at, w.held, w.held_at, e.pulse,
  e.pulse_at, w.failures, w.failures_at, w.notices, e.first_value, e.sponsor_at, e.survey, e.survey_at, e.sponsor,
  i.overdue, i.critical, i.oldest_invoice, d.gained::float8, s.seats
from scoring.account a left join windows w using (account_id) left join ever e using (account_id)
left join items i using (account_id) left join done d using (account_id) left join seats s using (account_id)
where a.start_at <= {now}
"""

AGGREGATES = _AGGREGATES.replace("{now}", "$1::timestamptz")

TABLE = """
create table by_hand (account_id uuid, age float8, seats_used int8, seats_used_at timestamptz, active_days int8,
  active_days_at timestamptz, bucket0 int8, bucket1 int8, bucket2 int8, bucket3 int8, feature_at timestamptz,
  features int8, resolution float8, resolutions int8, resolution_at timestamptz, tickets int8, tickets_at timestamptz,
  attended int8, attended_at timestamptz, held int8, held_at timestamptz, pulse float8, pulse_at timestamptz,
  failures int8, failures_at timestamptz, notices int8, first_value timestamptz, sponsor_at timestamptz, survey float8,
  survey_at timestamptz, sponsor text, overdue int8, critical int8, oldest_invoice timestamptz, gained float8,
  seats float8)
"""
