"""Claims about asking the scoring API: every question ends in time and in size, and holds up nobody else's."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import replace

from support.outreach import Outreach, health_of

from milepost_runtime.lanes import drain
from playbook_runner.clients.scoring import DOCUMENTS_AT_ONCE, MOST_DOCUMENT, QUESTION_LIMIT_S, HealthAway
from playbook_runner.queries.advancing import contexts
from playbook_runner.wording.drafting import Draft


async def test_an_answer_that_trickles_ends_at_the_limit_and_the_other_accounts_go_on(outreach: Outreach) -> None:
    slow, quick = await outreach.drop(), await outreach.drop()
    outreach.scoring.trickling.add(slow)
    await outreach.start()
    deciding = outreach.runner.deciding
    impatient = replace(deciding, scoring=replace(deciding.scoring, limit_s=0.5))
    began = time.monotonic()
    async with asyncio.timeout(10):
        advancing = outreach.runner.advancing
        await drain(outreach.pool, replace(advancing, intending=replace(advancing.intending, deciding=impatient)).lane)
    took = time.monotonic() - began
    waiting = await outreach.one("step", slow)

    assert took < 3
    assert (await outreach.one("effect", quick))["state"] == "ready"
    assert (waiting["state"], waiting["attempts"]) == ("due", 1)
    assert "within 0.5 s" in waiting["reason"]
    assert deciding.scoring.limit_s == QUESTION_LIMIT_S == 5


async def test_an_answer_too_large_for_a_health_document_is_not_read_on(outreach: Outreach) -> None:
    account = await outreach.drop()
    outreach.scoring.body = b" " * MOST_DOCUMENT + health_of(account).model_dump_json().encode()
    await outreach.start()
    await outreach.advance()

    assert "too large" in (await outreach.one("step", account))["reason"]
    assert MOST_DOCUMENT == 256 * 1024


async def test_what_no_message_is_made_of_may_be_of_any_shape(outreach: Outreach) -> None:
    account = await outreach.drop()
    await outreach.start()
    newer = health_of(account).model_dump(mode="json") | {"path": "a newer word", "pending": {}}
    outreach.scoring.body = json.dumps(newer).encode()
    await outreach.advance()

    assert (await outreach.one("effect", account))["state"] == "ready"


async def test_many_accounts_are_asked_for_in_one_question(outreach: Outreach) -> None:
    accounts = [await outreach.drop() for _ in range(20)]
    await outreach.start()
    await outreach.advance()
    outreach.scoring.asked.clear()
    await outreach.perform()

    assert len(outreach.mail.mails) == len(accounts)
    assert [path for path, _ in outreach.scoring.asked if path.startswith("/accounts/")] == ["/accounts/health:batch"]


async def test_an_account_that_the_scoring_api_does_not_know_ends_its_own_run_alone(outreach: Outreach) -> None:
    gone, *others = [await outreach.drop() for _ in range(3)]
    await outreach.start()
    await outreach.advance()
    del outreach.scoring.documents[gone]
    await outreach.perform()

    assert ("skipped", "account_gone") in await outreach.outcomes(gone)
    for account in others:
        assert ("sent", "sent") in await outreach.outcomes(account)


async def test_one_slow_account_costs_only_itself_however_many_are_asked_about(outreach: Outreach) -> None:
    accounts = [await outreach.drop() for _ in range(2 * DOCUMENTS_AT_ONCE + 10)]
    outreach.scoring.trickling.add(min(accounts))
    await outreach.start()
    deciding = outreach.runner.deciding
    impatient = replace(deciding, scoring=replace(deciding.scoring, limit_s=1.0))
    ids = [row["id"] for row in await outreach.pool.fetch("select id from step order by account_id")]
    found = await impatient.today_of(await contexts(outreach.pool, ids), {})

    assert Counter(type(one) for one in found.values()) == {Draft: len(accounts) - 1, HealthAway: 1}
