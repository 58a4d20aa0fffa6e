"""Claims about rehearsals over the feeds: they find whom live runs would have found, and leave no trace."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from support.outreach import Outreach, health_of, publish
from support.runner_api import key_with, runner_api

from milepost_runtime.database import Pool
from playbook_runner.settings import RunnerSettings

MAIL = {"id": "write", "kind": "email", "to": "owner", "subject": "Hi", "text": "Hi.", "transactional": True}
WAIT = {"id": "wait", "kind": "wait", "days": 3}
CALL = {"id": "call", "kind": "task", "title": "Call", "script": "Call.", "effort_minutes": 40, "finish_hours": 8}
RECOVERED = [{"kind": "recovered", "bands": ["green"]}]
OURS = ("run", "step", "effect", "ledger", "task", "approval", "told", "touch", "assignment", "armed")


def playbook(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "format": "playbook/1", "id": "rescue", "version": 1, "name": "Rescue", "purpose": "Helps.",
        "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"}, "steps": list(steps),
    } | more  # fmt: skip


async def moved(outreach: Outreach, account: UUID, days_ago: float, before: str, after: str, **more: Any) -> None:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    await publish(outreach.scoring_pool, account, from_band=before, to_band=after, computed_at=at, **more)


async def dropped(outreach: Outreach, days_ago: float, band: str = "red", **more: Any) -> UUID:
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, band)
    await moved(outreach, account, days_ago, "green", "red", **more)
    return account


async def traces(pool: Pool) -> list[int]:
    return [await pool.fetchval(f"select count(*) from {table}") for table in OURS]


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    await outreach.pool.execute("truncate playbook, assignment, armed")
    async with runner_api(settings, await key_with(outreach.pool, "read")) as client:
        yield client


async def preview(api: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await api.post("/playbooks/rescue:preview", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def dry_run(api: httpx.AsyncClient, days_ago: float, ahead: float, **body: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    span = {"since": (now - timedelta(days=days_ago)).isoformat(), "until": (now + timedelta(days=ahead)).isoformat()}
    answer = await api.post("/playbooks/rescue:dry-run", json=span | body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_preview_tells_who_would_have_matched_and_the_work_it_implies(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL, WAIT, CALL)])
    long_ago, lately = await dropped(outreach, 20), await dropped(outreach, 1)
    await dropped(outreach, 45)
    await dropped(outreach, 5, cause="backfill")

    told = await preview(api, days=30)

    assert {one["account_id"] for one in told["data"]} == {str(long_ago), str(lately)}
    assert (told["matched"], told["considered"], told["declined"]) == (2, 3, {"cause_backfill": 1})
    assert told["work"]["messages"] == {"email": 2}
    assert (told["work"]["tasks"], told["work"]["minutes"]) == (1, 40.0)


async def test_a_preview_ends_runs_where_the_account_recovered_then(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL, WAIT, CALL, exits=RECOVERED)])
    account = await dropped(outreach, 20, band="green")
    await moved(outreach, account, 19, "red", "green")

    told = await preview(api, days=30)

    assert (told["data"][0]["ended"], told["work"]["tasks"]) == ("recovered", 0)


async def test_nothing_comes_of_a_rehearsal(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL, WAIT, CALL)])
    account = await dropped(outreach, 3)
    before = await traces(outreach.pool)

    await preview(api)
    await dry_run(api, 5, 30)
    await dry_run(api, 0, 30, accounts=[str(account)], begin="since")

    assert await traces(outreach.pool) == before == [0] * len(OURS)
    assert outreach.mail.mails == []


async def test_a_dry_run_is_the_same_every_time(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL | {"transactional": False}, WAIT, CALL)])
    for days in range(6):
        await dropped(outreach, days + 0.5)
    now = datetime.now(UTC)
    body = {"since": (now - timedelta(days=10)).isoformat(), "until": (now + timedelta(days=20)).isoformat()}

    answers = [(await api.post("/playbooks/rescue:dry-run", json=body)).json() for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["accounts"] == 6
    assert len(answers[0]["digest"]) == 64


async def test_one_account_is_played_into_the_future_from_a_moment_of_choice(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL, WAIT, CALL)])
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, "red")

    told = await dry_run(api, 0, 30, accounts=[str(account)], begin="since")

    (story,) = told["data"]
    assert [line["code"] for line in story["lines"]] == ["started", "sent", "waits", "passed", "task", "completed"]
    sent, task = (next(line for line in story["lines"] if line["code"] == code) for code in ("sent", "task"))
    assert datetime.fromisoformat(task["at"]) - datetime.fromisoformat(sent["at"]) == timedelta(days=3)


async def test_what_happened_in_the_past_wakes_what_waited_for_it(
    outreach: Outreach, api: httpx.AsyncClient, ingest_pool: Pool
) -> None:
    wait = {"id": "reply", "kind": "wait", "events": ["session.started"], "timeout_days": 9, "on_timeout": "call"}
    await outreach.runner.keeping.stock([playbook(wait, MAIL | {"next": "end"}, CALL)])
    heard, silent = await dropped(outreach, 12), await dropped(outreach, 12)
    await ingest_pool.execute(
        "insert into event (event_id, account_id, type, occurred_at, source, properties)"
        " values ('e1', $1, 'session.started', clock_timestamp() - interval '10 days', 'test', '{}')",
        heard,
    )

    told = await dry_run(api, 20, 0)

    codes = {one["account_id"]: [line["code"] for line in one["lines"]] for one in told["data"]}
    assert "sent" in codes[str(heard)]
    assert "task" in codes[str(silent)]


async def test_a_rehearsal_equals_what_then_really_happens(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL, CALL)])
    account = await dropped(outreach, 0.01)
    told = await dry_run(api, 0.5, 1, accounts=[str(account)])

    for _ in range(3):
        await outreach.all_lanes()

    codes = [line["code"] for line in told["data"][0]["lines"]]
    assert codes[:3] == ["started", "sent", "task"]
    assert len(outreach.mail.mails) == 1
    assert (await outreach.one("task", account))["state"] == "open"


@pytest.mark.parametrize(("since", "until"), [(1, 0), (0, 500), (0, 0)])
async def test_a_span_of_nothing_or_of_years_is_refused(
    outreach: Outreach, api: httpx.AsyncClient, since: int, until: int
) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL)])
    now = datetime.now(UTC)
    body = {"since": (now + timedelta(days=since)).isoformat(), "until": (now + timedelta(days=until)).isoformat()}

    answer = await api.post("/playbooks/rescue:dry-run", json=body)

    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "span_refused")


async def test_the_work_is_told_by_week_and_owner(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await outreach.runner.keeping.stock([playbook(CALL | {"title": "Call {{ account.name }}"})])
    for days in (1, 1, 15):
        await dropped(outreach, days)
    theirs = await dropped(outreach, 15)
    outreach.scoring.documents[theirs] = health_of(theirs, "red", owner="lee@vendor.example")

    told = await preview(api, days=30)

    weeks = [(one["week"], one["owner"], one["tasks"], one["minutes"]) for one in told["work"]["weeks"]]
    mondays = [
        (at.date() - timedelta(days=at.weekday())).isoformat()
        for at in (datetime.now(UTC) - timedelta(days=days) for days in (15, 1))
    ]
    kim, lee = "kim@vendor.example", "lee@vendor.example"
    assert weeks == [(mondays[0], kim, 1, 40.0), (mondays[0], lee, 1, 40.0), (mondays[1], kim, 2, 80.0)]


async def test_tasks_are_told_as_they_would_read(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await outreach.runner.keeping.stock([playbook(CALL | {"title": "Call {{ account.name }}"})])
    account = await dropped(outreach, 1)

    told = await dry_run(api, 0, 1, accounts=[str(account)], begin="since")

    (task,) = [line for line in told["data"][0]["lines"] if line["code"] == "task"]
    assert task["sentence"] == "kim@vendor.example is asked: Call Aurora Logistics"


async def test_accounts_that_nobody_knows_are_named(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL)])
    known, stranger = await dropped(outreach, 1), uuid4()

    told = await dry_run(api, 2, 0, accounts=[str(known), str(stranger)])

    assert (told["accounts"], told["unknown"]) == (1, [str(stranger)])


async def test_a_feed_of_any_length_is_played(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await outreach.runner.keeping.stock([playbook(MAIL)])
    accounts = [await dropped(outreach, 9) for _ in range(4)]
    await outreach.scoring_pool.execute(
        "insert into change (account_id, kind, from_band, to_band, from_score, to_score, cause, model_id,"
        " model_version, as_of, computed_at, snapshot_as_of, correlation_id)"
        " select a, 'score_moved', 'red', 'red', 38, 30, 'live', 'b2b-onboarding', 1, t, t, t, ''"
        " from unnest($1::uuid[]) a cross join lateral (select clock_timestamp() - interval '8 days'"
        " + n * interval '10 seconds' as t from generate_series(1, 13000) n) moved",
        accounts,
    )

    told = await preview(api, days=30)

    assert told["matched"] == 4
    assert told["work"]["messages"] == {"email": 4}


async def test_a_score_that_sank_in_small_steps_counts_at_the_end(outreach: Outreach, api: httpx.AsyncClient) -> None:
    low = {"kind": "threshold", "when": {"subject": "score", "operator": "lt", "value": 50}}
    await outreach.runner.keeping.stock([playbook(MAIL, trigger=low)])
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, "red")
    await moved(outreach, account, 5, "green", "green", kind="score_moved", from_score=70.0, to_score=52.0)

    told = await preview(api, days=30)

    assert [one["account_id"] for one in told["data"]] == [str(account)]
    assert any("score" in sentence for sentence in told["provisos"])


async def test_what_stood_then_counts_in_a_rehearsal_of_the_past(outreach: Outreach, api: httpx.AsyncClient) -> None:
    capped = {"opens": "00:00", "closes": "00:00", "workdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
              "holidays": False, "spread_minutes": 1, "caps": [{"of": "account", "most": 1, "days": 2}]}  # fmt: skip
    await outreach.runner.policies.say(capped, "test")
    write = MAIL | {"transactional": False, "to": "sponsor@customer.example"}
    await outreach.runner.keeping.stock([playbook(write)])
    free, opted, lifted, written = [await dropped(outreach, 5) for _ in range(4)]
    for account, ended in ((opted, None), (lifted, 6)):
        await outreach.pool.execute(
            "insert into suppression (id, account_id, kind, since, ended_at) values ($1, $2, 'opt_out',"
            " clock_timestamp() - interval '9 days', clock_timestamp() - make_interval(days => $3))",
            uuid4(), account, ended,
        )  # fmt: skip
    await outreach.pool.execute(
        "insert into touch (account_id, effect_key, person, channel, at) values"
        " ($1, $2, $2, 'email', clock_timestamp() - interval '6 days')",
        written,
        uuid4().bytes * 2,
    )

    told = await dry_run(api, 8, 0)

    codes = {one["account_id"]: [line["code"] for line in one["lines"]] for one in told["data"]}
    assert codes[str(free)] == codes[str(lifted)] == ["started", "sent", "completed"]
    assert codes[str(opted)] == ["started", "suppressed", "completed"]
    assert codes[str(written)] == ["started", "deferred", "sent", "completed"]


async def test_a_message_of_higher_priority_that_waits_goes_first_in_a_rehearsal_as_well(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    """What the dry run tells is what the engine then does."""
    capped = {"opens": "00:00", "closes": "00:00", "workdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
              "holidays": False, "spread_minutes": 1, "caps": [{"of": "account", "most": 1, "days": 2}]}  # fmt: skip
    await outreach.runner.policies.say(capped, "test")
    write = MAIL | {"transactional": False, "to": "sponsor@customer.example"}
    await outreach.runner.keeping.stock([playbook(write, priority=10)])
    account, free, run = await dropped(outreach, 0.01), await dropped(outreach, 0.01), uuid4()
    await outreach.pool.execute(
        "insert into run (id, account_id, playbook_id, version, trigger_kind, trigger_key, state)"
        " values ($1, $2, 'urgent', 1, 'band_changed', sha256('u'), 'running')",
        run,
        account,
    )
    due = await outreach.pool.fetchval(
        "insert into effect (key, account_id, run_id, step_id, channel, recipient, priority, state, next_at)"
        " values (sha256('u'), $1, $2, $2, 'email', 'sue@customer.example', 90, 'ready',"
        " clock_timestamp() + interval '3 hours') returning next_at",
        account,
        run,
    )

    told = await dry_run(api, 0, 5, accounts=[str(account), str(free)], begin="since")
    await outreach.start()
    await outreach.advance()
    await outreach.perform()

    lines = {one["account_id"]: one["lines"] for one in told["data"]}
    codes = {one: [line["code"] for line in lines[one]] for one in lines}
    sent = [datetime.fromisoformat(line["at"]) for line in lines[str(account)] if line["code"] == "sent"]
    assert codes[str(free)] == ["started", "sent", "completed"]
    assert codes[str(account)] == ["started", "deferred", "deferred", "sent", "completed"]
    assert "others of higher priority go first" in lines[str(account)][1]["sentence"]
    assert timedelta(0) <= sent[0] - (due + timedelta(days=2)) < timedelta(minutes=2)
    assert await outreach.outcomes(account) == [("deferred", "after_others_account")]
    assert await outreach.outcomes(free) == [("sent", "sent")]


async def test_what_is_meant_for_somebody_who_will_be_away_goes_to_whoever_stands_in(
    outreach: Outreach, api: httpx.AsyncClient
) -> None:
    await outreach.runner.keeping.stock([playbook(CALL | {"waits": False}, WAIT, CALL | {"id": "again"})])
    await outreach.pool.execute(
        "insert into person (id, email) values ('kim', 'kim@vendor.example'), ('lee', 'lee@vendor.example')"
    )
    await outreach.pool.execute(
        "insert into absence (id, person_id, since, until, delegate_id)"
        " values ($1, 'kim', current_date + 2, current_date + 9, 'lee')",
        uuid4(),
    )
    account = await dropped(outreach, 1)

    told = await dry_run(api, 0, 5, accounts=[str(account)], begin="since")

    assert [line["owner"] for line in told["data"][0]["lines"] if line["code"] == "task"] == ["kim", "lee"]


async def test_an_open_run_keeps_another_from_starting_and_goes_on(outreach: Outreach, api: httpx.AsyncClient) -> None:
    await outreach.runner.keeping.stock([playbook(WAIT, MAIL)])
    account = await dropped(outreach, 0.01)
    await outreach.start()
    await outreach.advance()

    told = await dry_run(api, 0, 9, accounts=[str(account)], begin="since")

    assert [line["code"] for line in told["data"][0]["lines"]] == [
        "waits", "already_running", "passed", "sent", "completed",
    ]  # fmt: skip


async def test_an_event_that_takes_anothers_place_or_comes_late_starts_nothing(
    outreach: Outreach, api: httpx.AsyncClient, ingest_pool: Pool
) -> None:
    wanted = {"kind": "event", "events": ["ticket.escalated"]}
    await outreach.runner.keeping.stock([playbook(MAIL, trigger=wanted, re_entry={"days": 0})])
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, "red")
    for days, late, supersedes in ((9, 0, None), (8, 0, "first"), (7, 3, None)):
        await ingest_pool.execute(
            "insert into event (event_id, account_id, type, occurred_at, recorded_at, source, properties, supersedes)"
            " select $1, $2, 'ticket.escalated', t, t + make_interval(days => $4), 'test', '{}', $5"
            " from (select clock_timestamp() - make_interval(days => $3) as t) told",
            str(uuid4()), account, days, late, supersedes,
        )  # fmt: skip

    told = await preview(api, days=30)

    assert [(one["account_id"], one["starts"]) for one in told["data"] if one["account_id"] == str(account)] == [
        (str(account), 1)
    ]


async def test_nobody_rehearses_what_is_not_there(outreach: Outreach, api: httpx.AsyncClient) -> None:
    assert (await api.post("/playbooks/nothing:preview", json={})).status_code == 404


async def test_what_is_not_played_is_said(outreach: Outreach, api: httpx.AsyncClient) -> None:
    late = {"kind": "milestone", "states": ["late"], "milestones": ["sso"]}
    await outreach.runner.keeping.stock([playbook(CALL, trigger=late)])
    account = await dropped(outreach, 1, kind="first_score")
    looked, acting = await preview(api, days=3), await dry_run(api, 0, 5, accounts=[str(account)], begin="since")
    silent = await dry_run(api, 0, 5, accounts=[str(account)], begin="since", people="silent")

    said = [[sum(word in one for one in told["provisos"]) for word in ("first score", "clocks of tasks")]
            for told in (looked, acting, silent)]  # fmt: skip
    assert said == [[1, 0], [0, 0], [0, 1]]
    assert looked["matched"] == 0
