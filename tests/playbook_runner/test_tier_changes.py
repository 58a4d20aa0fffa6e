"""Claims about the shipped tiers: a fall brings the worse one at once, and what came of a call decides what follows."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.library_stories import (
    CHAMPION,
    DAY,
    DROP,
    LIBRARY,
    STORIES,
    Stand,
    begin,
    go_on,
    look,
    place,
    stands,
    tell,
    titles,
)
from support.outreach import Outreach, health_of, publish

from playbook_runner.people.tending import Outcome
from playbook_runner.rehearsal.rehearsal_views import DryRunBody

MAIL = {"kind": "email", "to": "owner", "text": "Look at {{ link }}", "transactional": True}
LATE = {"id": "late", "start": "sponsor", "bands": ["red"], "values": ["large"]}
TIERS: dict[str, Any] = {
    "value_of": "arr",
    "classes": [{"id": "small", "below": 10_000}, {"id": "large"}],
    "rows": [LATE, {"id": "early", "start": "nudge", "bands": ["red", "yellow"]}],
}
RESCUE: dict[str, Any] = {
    "format": "playbook/1", "id": "rescue", "version": 1, "name": "Rescue",
    "trigger": {"kind": "band_changed", "to": ["red", "yellow"]},
    "steps": [
        MAIL | {"id": "nudge", "subject": "A nudge"}, {"id": "pause", "kind": "wait", "days": 3, "next": "end"},
        MAIL | {"id": "sponsor", "subject": "To the sponsor"}, {"id": "rest", "kind": "wait", "days": 3},
    ],
}  # fmt: skip


async def falls(outreach: Outreach, account: UUID, document: dict[str, Any], band: str, arr: float) -> None:
    """Let an account come to a band while a version is in force, and carry out what follows."""
    await outreach.runner.keeping.stock([document])
    outreach.scoring.documents[account] = health_of(account, band)
    outreach.scoring.attributes[account] = {"arr": arr}
    await publish(outreach.scoring_pool, account, from_band="yellow" if band == "red" else "green", to_band=band)
    await outreach.start()
    await go_on(outreach)


async def begun(outreach: Outreach) -> list[tuple[Any, ...]]:
    """Return the runs with their tiers, versions and arms, and the subjects of the mails."""
    rows = await outreach.pool.fetch("select tier, version, arm, state, end_code from run order by started_at, id")
    return [*map(tuple, rows), tuple(mail["subject"] for mail in outreach.mail.mails)]


async def test_an_account_that_falls_from_yellow_to_red_gets_the_executive_though_it_had_a_run(
    outreach: Outreach,
) -> None:
    story = next(one for one in STORIES if one.playbook == "tiered-rescue")
    account = await begin(outreach, story)
    outreach.scoring.attributes[account] = {"champion_email": CHAMPION, "arr": 500_000}
    stands(outreach, account, Stand("red"))
    await tell(outreach, account, DROP | {"from_band": "yellow"})
    await outreach.start()
    await look(outreach, DAY)
    await outreach.advance()

    runs = await outreach.pool.fetch("select tier, state, end_code from run order by started_at")
    assert [tuple(run) for run in runs] == [("early", "done", "escalated"), ("late", "running", None)]
    assert "Sponsor to sponsor: Aurora Logistics is red" in (await titles(outreach, account))[0]


@pytest.mark.parametrize(("word", "at"), [("false_alarm", "end"), ("helped", "see-whether-it-lasts"),
                                          ("no_effect", "invite-by-phone")])  # fmt: skip
async def test_what_came_of_the_check_in_decides_whether_a_session_is_offered(
    outreach: Outreach, word: str, at: str
) -> None:
    account = uuid4()
    stands(outreach, account, Stand("red"))
    await outreach.pool.execute("delete from playbook")
    await outreach.runner.keeping.stock([LIBRARY["tiered-rescue"]])
    await outreach.runner.by_hand.start(account, "tiered-rescue", "a hunch", "kim")
    await go_on(outreach)
    await outreach.runner.tending.complete((await outreach.one("task", account))["id"], Outcome(word, "", 5.0), "kim")
    await go_on(outreach)
    state, path = await place(outreach, account)

    assert (state, path) == (("done", "what-came-of-the-call") if at == "end" else ("running", at))


async def test_a_worse_tier_of_a_version_with_a_holdout_goes_on_helping_whoever_has_an_open_run(
    outreach: Outreach,
) -> None:
    await outreach.pool.execute("delete from playbook")
    first, then = RESCUE | {"tiers": TIERS}, RESCUE | {"version": 2, "tiers": TIERS, "holdout": {"share": 0.5}}
    accounts = [uuid4() for _ in range(10)]
    for account in accounts:
        await falls(outreach, account, first, "yellow", 500_000)
    for account in accounts:
        await falls(outreach, account, then, "red", 500_000)

    found = await begun(outreach)
    assert found[-1] == ("A nudge",) * 10 + ("To the sponsor",) * 10
    assert found[:10] == [("early", 1, None, "done", "escalated")] * 10
    assert found[10:-1] == [("late", 2, "treated", "running", None)] * 10
    assigned = await outreach.pool.fetch("select distinct arm, version, excluded from assignment")
    assert [tuple(row) for row in assigned] == [("treated", 2, False)]


async def test_an_arm_that_begins_where_the_worse_tier_does_sends_its_mail_once(outreach: Outreach) -> None:
    await outreach.pool.execute("delete from playbook")
    document = RESCUE | {"tiers": TIERS, "arms": [{"id": "x", "share": 1.0, "start": "sponsor"}]}
    account = uuid4()
    for band in ("yellow", "red"):
        await falls(outreach, account, document, band, 500_000)

    assert await begun(outreach) == [("early", 1, "x", "running", None), ("To the sponsor",)]
    assert (await outreach.outcomes(account))[-1][-1] == "already_running"


async def test_a_run_of_a_version_without_tiers_is_not_begun_again_by_the_row_that_begins_where_it_did(
    outreach: Outreach,
) -> None:
    await outreach.pool.execute("delete from playbook")
    account, otherwise = uuid4(), RESCUE["steps"][2]["id"]
    await falls(outreach, account, RESCUE | {"steps": RESCUE["steps"][:2]}, "yellow", 5)
    await falls(outreach, account, RESCUE | {"version": 2, "tiers": TIERS}, "red", 5)
    await falls(outreach, account, RESCUE | {"version": 3, "tiers": TIERS | {"otherwise": otherwise}}, "red", 5)

    assert await begun(outreach) == [(None, 1, None, "running", None), ("A nudge",)]


async def test_who_fell_to_otherwise_is_taken_over_by_a_row_as_a_rehearsal_tells(outreach: Outreach) -> None:
    await outreach.pool.execute("delete from playbook")
    account, document = uuid4(), RESCUE | {"tiers": TIERS | {"rows": [LATE], "otherwise": "nudge"}}
    await falls(outreach, account, document, "yellow", 500_000)
    outreach.scoring.documents[account] = health_of(account, "red")
    now = datetime.now(UTC)
    body = DryRunBody(accounts=[account], since=now, until=now + timedelta(days=1), begin="since")
    told = await outreach.runner.rehearsing.dry_run("rescue", body)
    await falls(outreach, account, document, "red", 500_000)

    assert [line.code for line in told.data[0].lines][:3] == ["escalated", "started", "sent"]
    runs = [(None, 1, None, "done", "escalated"), ("late", 1, None, "running", None)]
    assert await begun(outreach) == [*runs, ("A nudge", "To the sponsor")]
