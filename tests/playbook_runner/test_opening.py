"""Claims about runs that begin: for whom they are meant, at their tier's step, held out or in an arm for good."""

from typing import Any
from uuid import UUID, uuid4

from support.outreach import Outreach, health_of, publish

TIERS = {
    "value_of": "arr",
    "classes": [{"id": "small", "below": 10000}, {"id": "large"}],
    "rows": [
        {"id": "late", "start": "sponsor", "bands": ["red"], "values": ["large"]},
        {"id": "early", "start": "nudge", "bands": ["red", "yellow"]},
    ],
}


def mail(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": "email", "to": "owner", "subject": "News", "text": "Look at {{ link }}"} | more


async def put_in_force(outreach: Outreach, **more: Any) -> None:
    """Put the one playbook in force that a drop starts."""
    document = {
        "id": "rescue", "version": 1, "name": "Rescue", "re_entry": {"days": 0},
        "trigger": {"kind": "band_changed", "to": ["red", "yellow"]},
        "steps": [mail("nudge", next="end"), mail("sponsor")],
    }  # fmt: skip
    await outreach.pool.execute("delete from playbook")
    await outreach.runner.keeping.stock([{"tiers": TIERS} | document | more])


async def drop(outreach: Outreach, account: UUID, arr: float | None, band: str = "red") -> None:
    outreach.scoring.documents[account] = health_of(account, band)
    outreach.scoring.attributes[account] = {"arr": arr}
    await publish(outreach.scoring_pool, account, to_band=band)
    await outreach.start()


async def over(outreach: Outreach) -> None:
    await outreach.pool.execute("update run set state = 'done', ended_at = clock_timestamp()")


async def test_a_run_begins_at_the_step_of_its_tier_and_says_so(outreach: Outreach) -> None:
    large, small, nobody_knows = uuid4(), uuid4(), uuid4()
    await put_in_force(outreach)
    await drop(outreach, large, 120_000)
    await drop(outreach, small, 900, "yellow")
    await drop(outreach, nobody_knows, None)

    found = [await outreach.one("run", account) for account in (large, small, nobody_knows)]
    assert [(run["tier"], run["value_class"], run["band"]) for run in found] == [
        ("late", "large", "red"), ("early", "small", "yellow"), ("early", None, "red"),
    ]  # fmt: skip
    steps = [(await outreach.one("step", account))["path"] for account in (large, small, nobody_knows)]
    assert steps == ["sponsor", "nudge", "nudge"]


async def test_who_is_not_meant_is_not_written_to_and_the_ledger_says_why(outreach: Outreach) -> None:
    account = uuid4()
    await put_in_force(outreach, audience={"subject": "attribute.arr", "operator": "gte", "value": 50000})
    await drop(outreach, account, 900)

    row = await outreach.one("ledger", account)
    assert (row["outcome"], row["code"]) == ("skipped", "not_meant")
    assert row["reason"] == (
        "it is meant for accounts of which the account's arr is at least 50000:"
        " the account's arr is 900, which is not at least 50000"
    )


async def test_who_is_held_out_gets_nothing_for_good_and_the_ledger_says_so(outreach: Outreach) -> None:
    accounts = [uuid4() for _ in range(40)]
    await put_in_force(outreach, holdout={"share": 0.5})
    for account in accounts:
        outreach.scoring.documents[account] = health_of(account, "red")
        await publish(outreach.scoring_pool, account)
    await outreach.start()
    first = {row["account_id"]: row["arm"] for row in await outreach.pool.fetch("select * from assignment")}
    runs = {row["account_id"] for row in await outreach.pool.fetch("select account_id from run")}
    await over(outreach)
    # Another share changes nothing for who is assigned, though the stratum is another one now, too.
    await put_in_force(outreach, version=2, holdout={"share": 0.01})
    for account in accounts:
        await drop(outreach, account, 120_000)

    assert set(first) == set(accounts)
    assert 5 < sum(arm == "holdout" for arm in first.values()) < 35
    assert runs == {account for account, arm in first.items() if arm == "treated"}
    again = {row["account_id"]: row["arm"] for row in await outreach.pool.fetch("select * from assignment")}
    assert again == first
    held_out = next(account for account, arm in first.items() if arm == "holdout")
    assert await outreach.outcomes(held_out) == [("suppressed", "holdout")] * 2


async def test_an_escalated_account_that_was_held_out_is_helped(outreach: Outreach) -> None:
    account = uuid4()
    never = {"subject": "attribute.escalated", "value": True}
    await put_in_force(outreach, holdout={"share": 0.5, "never": never})
    await outreach.pool.execute(
        "insert into assignment (account_id, playbook_id, version, arm, bucket)"
        " values ($1, 'rescue', 1, 'holdout', 0.1)",
        account,
    )
    outreach.scoring.documents[account] = health_of(account, "red")
    outreach.scoring.attributes[account] = {"arr": 5, "escalated": True}
    await publish(outreach.scoring_pool, account)
    await outreach.start()

    assert (await outreach.one("run", account))["arm"] == "excluded"
    kept = await outreach.one("assignment", account)
    assert (kept["arm"], kept["excluded"]) == ("holdout", True)


async def test_an_arm_of_an_older_version_is_drawn_again_and_the_assignment_says_by_which(outreach: Outreach) -> None:
    accounts = [uuid4() for _ in range(12)]
    for version, ids in ((1, ("short", "long")), (2, ("call", "write"))):
        arms = [{"id": one, "share": 0.5, "start": start} for one, start in zip(ids, ("nudge", "sponsor"), strict=True)]
        await put_in_force(outreach, version=version, arms=arms)
        for account in accounts:
            await drop(outreach, account, 120_000)
        await over(outreach)

    kept = {(row["version"], row["arm"]) for row in await outreach.pool.fetch("select * from assignment")}
    runs = {(row["version"], row["arm"]) for row in await outreach.pool.fetch("select version, arm from run")}
    assert kept == {(2, "call"), (2, "write")}
    assert runs == {(1, "short"), (1, "long")} | kept


async def test_arms_are_recorded_with_version_stratum_and_bucket(outreach: Outreach) -> None:
    account = uuid4()
    arms = [{"id": "short", "share": 0.5, "start": "nudge"}, {"id": "long", "share": 0.5, "start": "sponsor"}]
    await put_in_force(outreach, arms=arms)
    await drop(outreach, account, 120_000)
    run, kept = await outreach.one("run", account), await outreach.one("assignment", account)

    assert (kept["version"], kept["stratum"]) == (1, "large/activation")
    assert run["arm"] == kept["arm"] == ("short" if kept["bucket"] < 0.5 else "long")
    assert (await outreach.one("step", account))["path"] == {"short": "nudge", "long": "sponsor"}[run["arm"]]


async def test_at_most_so_many_runs_begin_in_so_many_days(outreach: Outreach) -> None:
    account = uuid4()
    await put_in_force(outreach, re_entry={"days": 0, "most": 2, "per_days": 30})
    for _ in range(3):
        await drop(outreach, account, 5)
        await over(outreach)
    assert await outreach.pool.fetchval("select count(*) from run") == 2
    assert await outreach.outcomes(account) == [("skipped", "too_often")]

    await outreach.pool.execute("update run set started_at = started_at - interval '31 days'")
    await drop(outreach, account, 5)
    assert await outreach.pool.fetchval("select count(*) from run") == 3


async def test_without_an_answer_the_news_waits_and_is_answered_later(outreach: Outreach) -> None:
    account = uuid4()
    await put_in_force(outreach)
    outreach.scoring.status = 503
    await drop(outreach, account, 120_000)
    assert await outreach.pool.fetchval("select count(*) from run") == 0
    outreach.scoring.status = 200
    await outreach.later("cursor")
    await outreach.start()

    assert (await outreach.one("run", account))["tier"] == "late"


WAITING: list[dict[str, Any]] = [
    {"id": "nudge", "kind": "task", "title": "Write to them", "script": "Soon.", "waits": False},
    {"id": "wait", "kind": "wait", "days": 2}, mail("remind", next="end"), mail("sponsor"),
]  # fmt: skip


async def test_a_worse_tier_takes_over_from_the_open_run_at_once_and_whatever_re_entry_says(
    outreach: Outreach,
) -> None:
    account = uuid4()
    await put_in_force(outreach, steps=WAITING, re_entry={"days": 300, "never": True})
    await drop(outreach, account, 120_000, "yellow")
    while await outreach.advance():
        pass
    await drop(outreach, account, 120_000)
    await drop(outreach, account, 120_000, "yellow")

    runs = await outreach.pool.fetch("select * from run where account_id = $1 order by started_at", account)
    assert [(run["tier"], run["state"], run["end_code"]) for run in runs] == [
        ("early", "done", "escalated"), ("late", "running", None),
    ]  # fmt: skip
    steps = await outreach.pool.fetch("select path, state from step where account_id = $1 order by created_at", account)
    assert [(step["path"], step["state"]) for step in steps] == [
        ("nudge", "done"), ("wait", "cancelled"), ("sponsor", "due"),
    ]  # fmt: skip
    assert (await outreach.one("task", account))["state"] == "closed"
    assert await outreach.outcomes(account) == [("skipped", "escalated"), ("skipped", "already_running")]
    row = await outreach.pool.fetchrow("select * from ledger where account_id = $1 and code = 'escalated'", account)
    assert (row["run_id"], row["reason"]) == (runs[0]["id"], "the account has come to the tier late")


async def test_two_falls_that_are_read_at_once_end_in_the_worst_tier(outreach: Outreach) -> None:
    account = uuid4()
    await put_in_force(outreach, exits=[{"kind": "escalated", "tasks": "keep"}])
    outreach.scoring.documents[account] = health_of(account, "red")
    outreach.scoring.attributes[account] = {"arr": 120_000}
    await publish(outreach.scoring_pool, account, to_band="yellow")
    await publish(outreach.scoring_pool, account, to_band="red")
    await outreach.start()

    runs = await outreach.pool.fetch(
        "select tier, state from run where account_id = $1 order by started_at, tier", account
    )
    assert sorted(tuple(run) for run in runs) == [("early", "done"), ("late", "running")]
