"""Claims about mails as their readers get them: to whom, under which earlier one, in whose words, with a way out."""

import re
from collections.abc import Mapping
from datetime import time
from email.message import Message
from typing import Any
from uuid import UUID

import pytest
from support.mail_server import body_of
from support.outreach import Outreach

from milepost_core.arbiter.policy import Policy, document_of
from milepost_runtime.ids import new_id
from playbook_runner.wording.ways_out import person_of

CHAMPION = "lee@customer.example"
TEXT = "{{ account.name }} stands at {{ score }}, mostly for {{ reasons[0].label | lower }}."


AROUND_THE_CLOCK = document_of(
    Policy(opens=time(0), closes=time(0), workdays=frozenset(range(7)), holidays=False, caps=())
)


@pytest.fixture(autouse=True)
async def around_the_clock(outreach: Outreach) -> None:
    """Nothing waits for a better hour: that is somebody else's claim."""
    await outreach.pool.execute("truncate policy")
    await outreach.pool.execute("insert into policy (version, document) values (1, $1)", AROUND_THE_CLOCK)


def email(step_id: str, **parts: Any) -> dict[str, Any]:
    return {
        "id": step_id, "kind": "email", "to": "attribute:champion_email", "subject": "About {{ account.name }}",
        "text": TEXT,
    } | parts  # fmt: skip


def playbook(*steps: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "format": "playbook/1", "id": "help-champion", "version": 1, "name": "Help the champion",
        "purpose": "Writes to the customer.", "trigger": {"kind": "band_changed", "to": ["red"], "direction": "down"},
        "steps": [dict(step) for step in steps],
    }  # fmt: skip


async def told(
    outreach: Outreach, *steps: Mapping[str, Any], champion: str | None = CHAMPION, owner: str = "kim@vendor.example"
) -> UUID:
    """Let an account drop under a playbook of these steps, and let everything happen that is due."""
    await outreach.pool.execute("truncate playbook")
    await outreach.runner.keeping.stock([playbook(*steps)])
    account = await outreach.drop(owner=owner)
    if champion is not None:
        outreach.scoring.attributes[account] = {"champion_email": champion}
    await outreach.start()
    for _ in steps:
        await outreach.advance()
        await outreach.perform()
    return account


def only(mails: list[Message]) -> Message:
    assert len(mails) == 1, [mail["To"] for mail in mails]
    return mails[0]


async def test_the_frame_of_a_mail_shows_our_own_people_alone_how_the_account_stands(outreach: Outreach) -> None:
    await told(outreach, email("write"), email("tell", to="owner"))

    frames = [re.search(r'class="(sheet[^"]*)"', body_of(mail, "html")) for mail in outreach.mail.mails]
    assert [frame and frame[1].strip() for frame in frames] == ["sheet", "sheet red"]


async def test_a_customers_person_is_written_to_with_todays_reasons_in_both_forms(outreach: Outreach) -> None:
    await told(outreach, email("write"))

    mail = only(outreach.mail.mails)
    assert mail["To"] == CHAMPION
    assert mail["Subject"] == "About Aurora Logistics"
    said = "Aurora Logistics stands at 47.3, mostly for milestones."
    assert body_of(mail, "plain").startswith(said)
    assert re.search(rf"<p style=[^>]*>{said}</p>", body_of(mail, "html"))


async def test_every_mail_but_one_that_is_owed_can_be_ended_by_its_reader(outreach: Outreach) -> None:
    account = await told(outreach, email("write"))
    mail = only(outreach.mail.mails)
    address = str(mail["List-Unsubscribe"]).strip("<>")
    ways_out = outreach.runner.deciding.desk.ways_out

    leaving = ways_out.read(address.rpartition("/")[2])
    assert (leaving.account_id, leaving.person) == (account, person_of(ways_out.vault, CHAMPION))
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert address in body_of(mail, "plain")
    assert address in body_of(mail, "html")


async def test_a_customers_answer_goes_to_the_owner_who_signs_and_ours_to_nobody_else(outreach: Outreach) -> None:
    await outreach.pool.execute(
        "insert into person (id, email, zone, roles) values ('Kim', 'kim@vendor.example', 'UTC', '{}')"
    )
    await told(outreach, email("write", transactional=True), email("tell", to="owner"))

    theirs, ours = outreach.mail.mails
    assert (theirs["To"], theirs["Reply-To"], ours["Reply-To"]) == (CHAMPION, "kim@vendor.example", None)
    assert body_of(theirs, "plain").endswith("\n\nKim\nkim@vendor.example\n")
    assert re.search(r"<p[^>]*>Kim<br>", body_of(theirs, "html"))
    assert "Kim" not in body_of(ours, "plain")


async def test_where_nobody_knows_an_owner_answers_go_to_who_gets_their_mail(outreach: Outreach) -> None:
    await told(outreach, email("write"), owner="")

    mail = only(outreach.mail.mails)
    fallback = outreach.runner.deciding.fallback
    assert mail["Reply-To"] == fallback
    signed = f"\n\n{outreach.runner.deciding.desk.sender_name}\n{fallback}\n\nStop mails of this kind: "
    assert signed in body_of(mail, "plain")


async def test_a_mail_that_is_owed_has_no_way_out(outreach: Outreach) -> None:
    await told(outreach, email("write", transactional=True))

    mail = only(outreach.mail.mails)
    assert mail["List-Unsubscribe"] is None
    assert "unsubscribe" not in body_of(mail, "plain") + body_of(mail, "html")


async def test_the_second_mail_of_a_run_stands_under_the_first_and_another_run_begins_anew(outreach: Outreach) -> None:
    await told(outreach, email("write", transactional=True), email("again", transactional=True))
    first, second = outreach.mail.mails

    assert first["In-Reply-To"] is None
    assert second["In-Reply-To"] == first["Message-ID"]
    assert second["References"].split() == [first["Message-ID"]]

    await told(outreach, email("write", transactional=True))
    assert outreach.mail.mails[2]["References"] is None


async def test_nobody_else_gets_what_is_meant_for_a_person_whom_nobody_knows(outreach: Outreach) -> None:
    account = await told(outreach, email("write"), champion=None)

    assert outreach.mail.mails == []
    assert ("skipped", "nobody_to_write_to") in await outreach.outcomes(account)


async def test_who_stands_in_gets_what_is_meant_for_a_role(outreach: Outreach) -> None:
    people = [("ada", ["sponsor"], "ada@vendor.example"), ("ben", ["sponsor"], "ben@vendor.example")]
    for name, roles, address in people:
        await outreach.pool.execute(
            "insert into person (id, email, roles, zone) values ($1, $2, $3, 'UTC')", name, address, roles
        )
    await outreach.pool.execute(
        "insert into absence (id, person_id, since, until) values ($1, 'ada', current_date - 1, current_date + 1)",
        new_id(),
    )

    await told(outreach, email("write", to="role:sponsor", transactional=True))

    assert only(outreach.mail.mails)["To"] == "ben@vendor.example"


async def test_the_words_of_whoever_approved_a_mail_go_out_as_they_were_written(outreach: Outreach) -> None:
    await outreach.pool.execute("truncate playbook")
    await outreach.runner.keeping.stock([playbook(email("write", transactional=True))])
    account = await outreach.drop()
    outreach.scoring.attributes[account] = {"champion_email": CHAMPION}
    await outreach.start()
    step = await outreach.one("step", account)
    drafted = {"subject": "About Aurora", "text": "A draft", "html": "<p>A draft</p>"}
    edited = drafted | {"subject": "A word from Kim", "text": "Dear Lee, {{ not a template }}"}
    await outreach.pool.execute(
        "insert into approval (id, account_id, run_id, step_id, about, owner, state, otherwise, draft, edited,"
        " expires_at) values ($1, $2, $3, $4, 'write', 'kim', 'approved', 'reject', $5, $6, clock_timestamp())",
        new_id(), account, step["run_id"], step["id"], drafted, edited,
    )  # fmt: skip
    await outreach.advance()
    await outreach.perform()

    mail = only(outreach.mail.mails)
    assert mail["Subject"] == "A word from Kim"
    assert body_of(mail, "plain").startswith("Dear Lee, {{ not a template }}\n")
    assert "{{ not a template }}" in body_of(mail, "html")
    assert "A draft" not in body_of(mail, "html")


@pytest.mark.parametrize("champion", ["a@b.example, c@d.example", "lee@customer.example\r\nBcc: v@o.example"])
async def test_an_attribute_that_is_no_address_sends_nothing(outreach: Outreach, champion: str) -> None:
    account = await told(outreach, email("write"), champion=champion)

    assert outreach.mail.mails == []
    assert ("failed", "not_sendable") in await outreach.outcomes(account)


async def test_a_message_in_the_product_is_put_up_with_todays_reasons(outreach: Outreach) -> None:
    step = {
        "id": "show", "kind": "in_app", "title": "{{ account.name }}: {{ reasons[0].label }}", "text": "Let us help.",
        "link": "{{ link }}", "role": "admin",
    }  # fmt: skip
    account = await told(outreach, step)

    row = await outreach.one("in_app_message", account)
    assert (row["title"], row["text"], row["role"]) == ("Aurora Logistics: Milestones", "Let us help.", "admin")
    assert row["link"] == f"https://health.vendor.example/app/accounts/{account}"
    assert ("sent", "sent") in await outreach.outcomes(account)
