"""Claims about "why not" while a run is open: what waits says for what, and what a person has to decide says where."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.outreach import PLAYBOOK, Outreach, health_of, publish

from playbook_runner.arbiter.arbiter_views import PersonRequest
from playbook_runner.arbiter.suppressing import Word
from playbook_runner.documents.keeping import PlaybookUnknown
from playbook_runner.views import WhyNot
from playbook_runner.wording.ways_out import Leaving

CHAMPION = "lee@customer.example"


async def asked(outreach: Outreach, account: object) -> WhyNot:
    return await outreach.runner.explaining.why_not(account, PLAYBOOK)  # type: ignore[arg-type]


async def test_doubt_and_what_is_parked_name_the_place_where_a_person_decides(outreach: Outreach) -> None:
    account = await outreach.intended()
    outreach.mail.answers = ["cut"]
    await outreach.perform()
    where = f"POST /effects/{(await outreach.one('effect', account))['key'].hex()}/resolve"
    doubt = await asked(outreach, account)
    await outreach.later("effect")
    await outreach.perform()
    # A later change that starts nothing adds a line to the ledger and must not hide what is open.
    await publish(outreach.scoring_pool, account)
    await outreach.start()
    parked = await asked(outreach, account)

    assert [doubt.code, parked.code] == ["in_doubt", "parked"]
    for answer in (doubt, parked):
        assert "a person has to decide" in answer.sentence
        assert where in answer.sentence


async def test_a_step_that_waits_for_the_scoring_api_says_so(outreach: Outreach) -> None:
    account = await outreach.drop()
    await outreach.start()
    outreach.scoring.status = 503
    await outreach.advance()
    as_step = await asked(outreach, account)
    outreach.scoring.status = 200
    await outreach.later("step")
    await outreach.advance()
    on_its_way = await asked(outreach, account)
    outreach.scoring.status = 503
    await outreach.perform()
    as_effect = await asked(outreach, account)

    assert [as_step.code, on_its_way.code, as_effect.code] == ["health_away", "running", "health_away"]
    assert "the scoring API answered 503" in as_step.sentence
    assert "the scoring API answered 503" in as_effect.sentence


async def test_a_pause_is_told_once_for_a_step_and_its_effect(outreach: Outreach) -> None:
    account = await outreach.drop()
    await outreach.start()
    await outreach.runner.keeping.switch(paused=True, by="test")
    for _ in range(3):
        await outreach.advance()
        await outreach.later("step")
    assert await outreach.outcomes(account) == [("deferred", "paused")]

    await outreach.runner.keeping.switch(paused=False, by="test")
    await outreach.advance()
    await outreach.runner.keeping.switch(paused=True, by="test")
    for _ in range(3):
        await outreach.perform()
        await outreach.later("effect")
    assert await outreach.outcomes(account) == [("deferred", "paused")]


def mail(name: str, to: str = "attribute:champion_email", **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": "email", "to": to, "subject": "Hello", "text": "{{ score }}"} | more


async def help_of(outreach: Outreach, *steps: dict[str, Any]) -> None:
    """Let no playbook be in force but one of these steps."""
    await outreach.pool.execute("truncate playbook")
    document = {
        "format": "playbook/1", "id": "help", "version": 1, "name": "Help", "purpose": "Writes.",
        "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"}, "steps": list(steps),
    }  # fmt: skip
    await outreach.runner.keeping.stock([document])


def known(outreach: Outreach, owner: str = "kim@vendor.example") -> UUID:
    account = uuid4()
    outreach.scoring.documents[account] = health_of(account, "red", owner=owner)
    outreach.scoring.attributes[account] = {"champion_email": CHAMPION, "timezone": "UTC"}
    return account


async def against(outreach: Outreach, account: UUID) -> list[str]:
    found = await outreach.runner.explaining.why_not(account, "help")
    return [one.code for one in found.against_message]


async def leave(outreach: Outreach, account: UUID) -> None:
    person = outreach.runner.arbitrating.person_of("email", CHAMPION, account)
    await outreach.runner.suppressing.opt_out(Leaving(account, person))


async def hands_off(outreach: Outreach, account: UUID) -> None:
    until = datetime.now(UTC) + timedelta(days=3)
    await outreach.runner.suppressing.say(Word("hands_off", None, account, "talks", "test", until))


async def test_a_playbook_that_is_in_force_nowhere_says_so(outreach: Outreach) -> None:
    account = known(outreach)
    draft = await outreach.runner.explaining.why_not(account, "tiered-rescue")
    await outreach.pool.execute("update playbook set state = 'retired' where id = 'tiered-rescue'")
    retired = await outreach.runner.explaining.why_not(account, "tiered-rescue")

    assert [draft.code, retired.code] == ["playbook_draft", "playbook_retired"]
    assert "trigger_unmet" not in [one.code for one in draft.against_start]
    with pytest.raises(PlaybookUnknown):
        await outreach.runner.explaining.why_not(account, "nobody-wrote-it")


async def test_whoever_opted_out_stands_in_the_way_before_any_message_is_written(outreach: Outreach) -> None:
    await help_of(outreach, mail("write"))
    account = known(outreach)
    await leave(outreach, account)

    assert await against(outreach, account) == ["opt_out"]


async def test_an_owner_who_is_asleep_or_away_stands_in_the_way_before_any_message_is_written(
    outreach: Outreach,
) -> None:
    await help_of(outreach, mail("write", to="owner"))
    account = known(outreach, owner="Kim@Vendor.example")
    for name in ("kim", "ada"):
        person = PersonRequest(email=f"{name}@vendor.example", zone="UTC").model_dump()
        await outreach.runner.people.put(name, person, "test")
    hour = (datetime.now(UTC) + timedelta(hours=12)).hour
    closes = f"{hour + 1:02}:00" if hour < 23 else "00:00"
    everyday = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    await outreach.runner.policies.say(
        {"opens": f"{hour:02}:00", "closes": closes, "workdays": everyday, "holidays": False}, "test"
    )

    assert await against(outreach, account) == ["quiet_hours"]


async def test_what_stands_in_the_way_of_any_message_of_a_playbook_is_told_while_none_is_on_its_way(
    outreach: Outreach,
) -> None:
    await help_of(outreach, mail("tell", to="owner"), mail("write"), mail("again"))
    account = known(outreach)
    await hands_off(outreach, account)

    assert await against(outreach, account) == ["hands_off"]


async def test_of_an_open_run_the_message_that_comes_next_is_asked_about(outreach: Outreach) -> None:
    await help_of(
        outreach,
        mail("tell", to="owner"),
        {"id": "pause", "kind": "wait", "days": 2},
        mail("answer", transactional=True),
        mail("write"),
    )
    account = await outreach.drop()
    outreach.scoring.attributes[account] = {"champion_email": CHAMPION, "timezone": "UTC"}
    await hands_off(outreach, account)
    await leave(outreach, account)
    await outreach.start()
    await outreach.advance()
    to_owner = await against(outreach, account)
    await outreach.perform()
    await outreach.advance()
    before_answer = await against(outreach, account)
    await outreach.pool.execute("update step set created_at = created_at - interval '3 days' where path = 'pause'")
    await outreach.later("step", timedelta(days=3))
    await outreach.advance()
    await outreach.perform()
    await outreach.advance()
    before_write = await against(outreach, account)

    assert [len(outreach.mail.raw), to_owner, before_answer] == [2, [], []]
    assert before_write == ["opt_out", "hands_off"]


async def test_a_run_that_has_gone_on_is_not_said_to_wait_for_what_it_waited_for(outreach: Outreach) -> None:
    await help_of(outreach, mail("write"), {"id": "pause", "kind": "wait", "days": 2}, mail("again"))
    account = await outreach.drop()
    outreach.scoring.attributes[account] = {"champion_email": CHAMPION, "timezone": "UTC"}
    await outreach.start()
    await outreach.advance()
    await hands_off(outreach, account)
    await outreach.perform()
    waiting = await outreach.runner.explaining.why_not(account, "help")
    await outreach.pool.execute("update suppression set ended_at = clock_timestamp()")
    await outreach.pool.execute("update effect set next_at = clock_timestamp()")
    await outreach.perform()
    await outreach.advance()
    gone_on = await outreach.runner.explaining.why_not(account, "help")

    assert len(outreach.mail.raw) == 1
    assert [waiting.code, gone_on.code] == ["hands_off", "running"]


async def test_whoever_cannot_be_found_stands_in_the_way_beside_what_does_at_the_account(outreach: Outreach) -> None:
    await help_of(outreach, mail("write", to="attribute:sponsor_email"))
    account = known(outreach)
    await hands_off(outreach, account)

    assert await against(outreach, account) == ["nobody_to_write_to", "hands_off"]
