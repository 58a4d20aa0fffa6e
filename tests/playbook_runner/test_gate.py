"""Claims about messages to customers from change to mailbox: hours, caps and opt-outs hold, the ledger says which."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from support.outreach import Outreach, health_of

from playbook_runner.arbiter.arbiter_views import PersonRequest
from playbook_runner.arbiter.suppressing import Word
from playbook_runner.wording.ways_out import Leaving

CHAMPION = "lee@customer.example"
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def playbook(name: str = "help", priority: int = 50, **parts: Any) -> dict[str, Any]:
    step = {"id": "write", "kind": "email", "to": "attribute:champion_email", "subject": "Hello", "text": "{{ score }}"}
    return {
        "format": "playbook/1", "id": name, "version": 1, "name": name, "purpose": "Writes to the customer.",
        "priority": priority, "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"},
        "steps": [step | parts],
    }  # fmt: skip


PERSON = PersonRequest().model_dump()


@pytest.fixture
async def plain(outreach: Outreach) -> Outreach:
    """No playbook but the test's own."""
    await outreach.pool.execute("truncate playbook")
    return outreach


async def policy(outreach: Outreach, **parts: Any) -> None:
    always = {"opens": "00:00", "closes": "00:00", "workdays": EVERY_DAY, "holidays": False, "caps": []}
    await outreach.runner.policies.say(always | parts, "test")


async def dropped(outreach: Outreach, champion: str = CHAMPION, **attributes: str) -> UUID:
    """Let an account drop whose champion has this address, and bring its messages to where they want out."""
    account = await outreach.drop()
    outreach.scoring.attributes[account] = {"champion_email": champion, **attributes}
    await outreach.start()
    await outreach.advance()
    return account


async def test_it_goes_out_by_the_clock_where_the_account_lives(plain: Outreach) -> None:
    await plain.runner.keeping.stock([playbook()])
    hour = (datetime.now(UTC) + timedelta(hours=6)).hour
    await policy(plain, opens=f"{hour:02}:00", closes=f"{(hour + 1) % 24:02}:00", spread_minutes=60)
    asleep = await dropped(plain, timezone="UTC")
    awake = await dropped(plain, "ann@customer.example", timezone="Asia/Dhaka")
    await plain.perform()
    waiting = await plain.one("effect", asleep)

    assert plain.mail.recipients == [["ann@customer.example"]]
    assert await plain.outcomes(awake) == [("sent", "sent")]
    assert await plain.outcomes(asleep) == [("deferred", "quiet_hours")]
    assert (waiting["state"], waiting["attempts"], waiting["next_at"].hour) == ("ready", 0, hour)


async def test_what_a_person_sends_again_minds_the_night_where_the_account_lives(plain: Outreach) -> None:
    await plain.runner.keeping.stock([playbook()])
    asleep = await dropped(plain, timezone="Asia/Dhaka")
    await dropped(plain, "ann@customer.example")
    plain.mail.answers = ["cut", "cut"]
    await plain.perform()
    await plain.later("effect")
    await plain.perform()
    hour = datetime.now(UTC).hour
    await policy(plain, opens=f"{hour:02}:00", closes=f"{(hour + 2) % 24:02}:00" if hour < 23 else "00:00")
    seen = len(plain.mail.raw)
    for effect in await plain.pool.fetch("select key from effect"):
        await plain.runner.resolving.resolve(effect["key"], "resend", "test")
    await plain.perform()

    assert (await plain.outcomes(asleep))[-2:] == [("deferred", "resend"), ("deferred", "quiet_hours")]
    assert plain.mail.recipients[seen:] == [["ann@customer.example"]]
    await policy(plain, opens="00:00", closes="00:00")
    await plain.pool.execute("update effect set next_at = clock_timestamp() where state = 'ready'")
    plain.scoring.status = 503
    await plain.perform()
    assert (await plain.outcomes(asleep))[-1] == ("deferred", "health_away")
    plain.scoring.status = 200
    await plain.later("effect")
    await plain.perform()
    assert (await plain.outcomes(asleep))[-1] == ("sent", "sent")


async def test_what_a_paused_playbook_would_say_takes_nobodys_turn(plain: Outreach) -> None:
    await plain.runner.keeping.stock([playbook("loud", 90), playbook("soft", 10)])
    await policy(plain, caps=[{"of": "person", "most": 1, "days": 1}])
    await dropped(plain)
    await plain.runner.keeping.set_state("loud", "paused", "test")
    await plain.perform()

    assert await plain.pool.fetch("select playbook_id, outcome from ledger where outcome = 'sent'") == [
        ("soft", "sent")
    ]


@pytest.mark.parametrize("all_of_it", [True, False])
async def test_a_pause_is_no_time_that_a_message_has_waited(plain: Outreach, all_of_it: bool) -> None:
    await plain.runner.keeping.stock([playbook()])

    async def switch(*, paused: bool) -> None:
        if all_of_it:
            await plain.runner.keeping.switch(paused=paused, by="test")
        else:
            await plain.runner.keeping.set_state("help", "paused" if paused else "active", "test")

    await policy(plain, caps=[{"of": "person", "most": 1, "days": 1}], wait_days=7)
    await dropped(plain)
    await plain.perform()
    account = await dropped(plain)
    await switch(paused=True)
    await plain.perform()
    await plain.pool.execute(
        "update effect set created_at = created_at - interval '8 days', asked_at = asked_at - interval '8 days'"
    )
    await plain.pool.execute("update ledger set at = at - interval '8 days'")
    await switch(paused=False)
    await plain.perform()
    assert await plain.outcomes(account) == [("deferred", "paused"), ("deferred", "cap_person")]

    await plain.pool.execute("update effect set asked_at = asked_at - interval '8 days', next_at = clock_timestamp()")
    await plain.perform()
    assert (await plain.outcomes(account))[-1] == ("capped", "cap_person")


async def test_who_stands_in_for_an_owner_is_written_to_and_who_nobody_stands_in_for_is_waited_for(
    plain: Outreach,
) -> None:
    await plain.runner.keeping.stock([playbook("owner", to="owner"), playbook("lead", to="role:lead")])
    for name in ("kim", "bob", "eve"):
        await plain.runner.people.put(name, PERSON | {"email": f"{name}@vendor.example"}, "test")
    await plain.runner.people.put("eve", PERSON | {"email": "eve@vendor.example", "roles": ["lead"]}, "test")
    await plain.runner.people.put("old", PERSON | {"email": "old@vendor.example", "active": False}, "test")
    today = datetime.now(UTC).date()
    await plain.runner.people.away("kim", today - timedelta(days=1), today + timedelta(days=3), "bob")
    await plain.runner.people.away("eve", today - timedelta(days=1), today + timedelta(days=3), None)
    kims, olds = await plain.drop(owner="KIM@vendor.example"), await plain.drop(owner="old@vendor.example")
    await plain.all_lanes()
    to = {
        (row["account_id"], row["playbook_id"]): (row["recipient"], row["state"])
        for row in await plain.pool.fetch(
            "select e.account_id, r.playbook_id, e.recipient, e.state from effect e join run r on r.id = e.run_id"
        )
    }

    assert to[kims, "owner"] == ("bob@vendor.example", "done")
    assert to[kims, "lead"] == ("eve@vendor.example", "ready")
    assert to[olds, "owner"] == (plain.runner.deciding.fallback, "done")
    assert {("deferred", "away"), ("sent", "sent")} == set(await plain.outcomes(kims))


async def test_what_a_cap_holds_back_waits_or_is_given_up_and_the_run_goes_on(plain: Outreach) -> None:
    await plain.runner.keeping.stock([playbook("first", 90), playbook("second", 10)])
    await policy(plain, caps=[{"of": "person", "most": 1, "days": 3}])
    account = await dropped(plain)
    await plain.perform()
    told = await plain.outcomes(account)
    await policy(plain, caps=[{"of": "person", "most": 1, "days": 30}])
    await plain.pool.execute("update effect set next_at = clock_timestamp() where state = 'ready'")
    await plain.perform()
    run = await plain.pool.fetchrow("select * from run where playbook_id = 'second'")

    assert sorted(told) == [("deferred", "cap_person"), ("sent", "sent")]
    assert (await plain.outcomes(account))[-1] == ("capped", "cap_person")
    assert await plain.pool.fetchval("select playbook_id from ledger where outcome = 'sent'") == "first"
    assert run["state"] == "done"
    assert len(plain.mail.raw) == 1


async def test_who_opts_out_while_a_mail_waits_gets_none_and_owed_mails_still(plain: Outreach) -> None:
    await plain.runner.keeping.stock([playbook("news"), playbook("answer", transactional=True)])
    account = await dropped(plain, "Lee+work@customer.example")
    person = plain.runner.arbitrating.person_of("email", CHAMPION, account)
    await plain.runner.suppressing.opt_out(Leaving(account, person))
    await plain.perform()
    rows = await plain.pool.fetch("select playbook_id, outcome, code from ledger where account_id = $1", account)

    assert {tuple(row) for row in rows} == {("news", "suppressed", "opt_out"), ("answer", "sent", "sent")}
    assert len(plain.mail.raw) == 1


async def test_an_opt_out_ends_the_runs_that_say_so(plain: Outreach) -> None:
    await plain.runner.keeping.stock([playbook() | {"exits": [{"kind": "opted_out"}]}])
    account = await dropped(plain)
    await plain.runner.suppressing.opt_out(
        Leaving(account, plain.runner.arbitrating.person_of("email", CHAMPION, account))
    )
    run = await plain.one("run", account)

    assert (run["state"], run["end_code"]) == ("done", "opted_out")
    assert (await plain.one("effect", account))["state"] == "cancelled"


@pytest.mark.parametrize("written", [True, False])
async def test_an_opt_out_that_names_only_a_mailbox_ends_the_runs_that_write_to_it(
    plain: Outreach, written: bool
) -> None:
    waits = {"id": "wait", "kind": "wait", "days": 9}
    document = playbook() | {"exits": [{"kind": "opted_out"}]}
    await plain.runner.keeping.stock([document | {"steps": [*document["steps"], waits]}])
    theirs, other = await dropped(plain), await dropped(plain, "ann@customer.example")
    if written:
        await plain.perform()
        await plain.advance()
    await plain.runner.suppressing.say(Word("opt_out", CHAMPION.upper(), None, "by phone", "kim", None))

    assert (await plain.one("run", theirs))["end_code"] == "opted_out"
    assert (await plain.one("run", other))["state"] == "running"


async def test_an_opt_out_by_address_ends_also_runs_that_have_not_come_to_their_mail_yet(plain: Outreach) -> None:
    document = playbook() | {"exits": [{"kind": "opted_out"}]}
    await plain.runner.keeping.stock(
        [document | {"steps": [{"id": "wait", "kind": "wait", "days": 9}, *document["steps"]]}]
    )
    theirs, other = await dropped(plain), await dropped(plain, "ann@customer.example")
    await plain.runner.suppressing.say(Word("opt_out", CHAMPION, None, "by phone", "kim", None))

    assert (await plain.one("run", theirs))["end_code"] == "opted_out"
    assert (await plain.one("run", other))["state"] == "running"


@pytest.mark.parametrize(
    ("kept", "said"),
    [("anna@straße.example", "anna@xn--strae-oqa.example"), ("anna@xn--strae-oqa.example", "Anna@Straße.example")],
)
@pytest.mark.parametrize("first", [[], [{"id": "wait", "kind": "wait", "days": 9}]])
async def test_an_opt_out_means_the_mailbox_however_its_domain_is_written_and_none_beside_it(
    plain: Outreach, kept: str, said: str, first: list[dict[str, Any]]
) -> None:
    document = playbook() | {"exits": [{"kind": "opted_out"}]}
    await plain.runner.keeping.stock([document | {"steps": [*first, *document["steps"]]}])
    theirs, other = await dropped(plain, kept), await dropped(plain, "anna@strasse.example")
    await plain.runner.suppressing.say(Word("opt_out", said, None, "by phone", "kim", None))
    await plain.perform()

    assert (await plain.one("run", theirs))["end_code"] == "opted_out"
    assert (await plain.one("run", other))["end_code"] != "opted_out"
    assert plain.mail.recipients == ([] if first else [["anna@strasse.example"]])


async def test_an_opt_out_by_address_counts_while_nobody_says_yet_whose_it_is(plain: Outreach) -> None:
    document = playbook() | {"exits": [{"kind": "opted_out"}]}
    await plain.runner.keeping.stock(
        [document | {"steps": [{"id": "wait", "kind": "wait", "days": 9}, *document["steps"]]}]
    )
    theirs = await dropped(plain)
    plain.scoring.delay_s = 2.0
    saying = asyncio.create_task(plain.runner.suppressing.say(Word("opt_out", CHAMPION, None, "by phone", "kim", None)))
    await asyncio.sleep(1.0)
    kept = await plain.pool.fetchval("select count(*) from suppression where kind = 'opt_out'")
    before = saying.done()
    await saying

    assert (kept, before) == (1, False)
    assert (await plain.one("run", theirs))["end_code"] == "opted_out"


async def test_why_not_says_of_any_account_what_stands_in_the_way_now(plain: Outreach) -> None:
    audience = {"subject": "attribute.plan", "operator": "eq", "value": "enterprise"}
    await plain.runner.keeping.stock([playbook() | {"audience": audience}])
    healthy, stranger = uuid4(), uuid4()
    plain.scoring.documents[healthy] = health_of(healthy, "green")
    plain.scoring.attributes[healthy] = {"plan": "starter"}
    await plain.pool.execute(
        "insert into suppression (id, account_id, kind, reason) values (gen_random_uuid(), $1, 'legal_hold', 'a case')",
        healthy,
    )
    found = await plain.runner.explaining.why_not(healthy, "help")
    unknown = await plain.runner.explaining.why_not(stranger, "help")

    assert found.code == "no_change"
    assert [one.code for one in found.against_start] == ["trigger_unmet", "audience_unmet"]
    assert "starter" in found.against_start[1].sentence
    assert [(one.code, "a case" in one.sentence) for one in found.against_message] == [
        ("nobody_to_write_to", False), ("legal_hold", True),
    ]  # fmt: skip
    assert [one.code for one in unknown.against_start] == ["not_scored"]


async def test_why_not_names_the_hour_that_is_waited_for(plain: Outreach) -> None:
    await plain.runner.keeping.stock([playbook()])
    hour = (datetime.now(UTC) + timedelta(hours=6)).hour
    await policy(plain, opens=f"{hour:02}:00", closes=f"{(hour + 1) % 24:02}:00")
    account = await dropped(plain)
    await plain.perform()
    found = await plain.runner.explaining.why_not(account, "help")

    assert found.code == "quiet_hours"
    assert "(UTC)" in found.sentence
    assert [(one.code, one.until is not None) for one in found.against_message] == [("quiet_hours", True)]


async def test_no_mail_starts_after_its_reader_was_told_that_there_will_be_none(plain: Outreach) -> None:
    """Readers leave at random moments while two workers send; the store's own clock says what came first."""
    await plain.runner.keeping.stock([playbook()])
    accounts = [await dropped(plain, f"p{number}@customer.example") for number in range(40)]
    told: dict[UUID, datetime] = {}

    async def leave(account: UUID, number: int) -> None:
        await asyncio.sleep(random.Random(number).uniform(0.0, 0.6))
        person = plain.runner.arbitrating.person_of("email", f"p{number}@customer.example", account)
        await plain.runner.suppressing.opt_out(Leaving(account, person))
        told[account] = await plain.pool.fetchval("select clock_timestamp()")

    leaving = [leave(account, number) for number, account in enumerate(accounts)]
    await asyncio.gather(plain.perform(), plain.perform(), *leaving)
    await plain.perform()
    attempts = await plain.pool.fetch("select account_id, started_at from attempt")
    states = {row["state"] for row in await plain.pool.fetch("select state from effect")}

    assert all(row["started_at"] < told[row["account_id"]] for row in attempts)
    assert len(plain.mail.raw) == len(attempts)
    assert states <= {"done", "suppressed"}
