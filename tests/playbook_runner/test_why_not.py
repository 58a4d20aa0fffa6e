"""Claims about "why not" while a run is open: what waits says for what, and what a person has to decide says where."""

from support.outreach import PLAYBOOK, Outreach, publish

from playbook_runner.views import WhyNot


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
