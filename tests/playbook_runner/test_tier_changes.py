"""Claims about the shipped tiers: a fall brings the worse one at once, and what came of a call decides what follows."""

from uuid import uuid4

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
from support.outreach import Outreach

from playbook_runner.people.tending import Outcome


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
