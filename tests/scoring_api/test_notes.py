"""Claims about notes: plain text with the score of its moment, for those who may see it, until it is deleted."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from support.histories import Told, new_account, tell
from support.people import Office, fault, health
from support.scored import clock

NOTE = {"text": "Import waits for their IT."}
DOUBT = {"because": "These tickets are feature wishes.", "signal": "open_critical", "expected_band": "green"}
ANSWER = {"verdict": "data_fixed", "answer": "Wishes carry their own tag now.", "author": "Ola"}


@pytest.fixture
async def account(office: Office) -> UUID:
    return await office.customer(well=False)


@pytest.fixture(scope="module")
async def shared(office: Office) -> UUID:
    return await office.customer(well=False)


async def test_a_note_keeps_the_score_of_its_moment(office: Office, client: httpx.AsyncClient, account: UUID) -> None:
    before = await health(client, account)
    made = await client.post(f"/accounts/{account}/notes", json=NOTE | {"author": "Dana Reyes"})
    now = await clock(office.web.owner) - timedelta(seconds=1)
    await tell(office.web.owner, [Told(account, "ticket.resolved", now, item=f"T-{n}") for n in (4, 9)])
    await office.turn()
    kept = (await client.get(f"/accounts/{account}/notes")).json()["data"]

    assert made.status_code == 201, made.text
    assert (made.json()["author"], made.json()["told_by"], made.json()["visibility"]) == (
        "Dana Reyes", "crm bridge", "internal",
    )  # fmt: skip
    assert kept == [made.json()]
    then = kept[0]["then"]
    assert (then["score"], then["band"]) == (before["score"], before["effective_band"]["band"])
    assert then["score"] != (await health(client, account))["score"]


async def test_notes_are_read_by_who_may_see_them_the_newest_first(client: httpx.AsyncClient, account: UUID) -> None:
    for number, who in enumerate(("internal", "partner", "customer", "internal")):
        await client.post(f"/accounts/{account}/notes", json={"text": f"Note {number}.", "visibility": who})
    everything = (await client.get(f"/accounts/{account}/notes")).json()["data"]
    outside = (await client.get(f"/accounts/{account}/notes?visibility=customer")).json()["data"]
    first = (await client.get(f"/accounts/{account}/notes?limit=3")).json()
    rest = (await client.get(f"/accounts/{account}/notes", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    foreign = await client.get(
        f"/accounts/{account}/notes", params={"cursor": first["next_cursor"], "visibility": "partner"}
    )

    assert [one["text"] for one in everything] == ["Note 3.", "Note 2.", "Note 1.", "Note 0."]
    assert [one["text"] for one in outside] == ["Note 2."]
    assert [one["text"] for one in first["data"] + rest["data"]] == [one["text"] for one in everything]
    assert rest["next_cursor"] is None
    assert foreign.status_code == 400


async def test_a_note_is_plain_text_with_lines(client: httpx.AsyncClient, account: UUID) -> None:
    text = "  <b>Bold</b> & more\r\nsecond line\tend \u00fc \U0001f600 "
    made = (await client.post(f"/accounts/{account}/notes", json={"text": text})).json()

    assert made["text"] == "<b>Bold</b> & more\nsecond line\tend \u00fc \U0001f600"


async def test_a_deleted_note_leaves_no_text_and_a_trace_of_who_deleted_it(
    office: Office, client: httpx.AsyncClient, account: UUID
) -> None:
    made = (await client.post(f"/accounts/{account}/notes", json=NOTE)).json()
    gone = await client.delete(f"/accounts/{account}/notes/{made['id']}")
    again = await client.delete(f"/accounts/{account}/notes/{made['id']}")
    row = await office.web.owner.fetchrow("select text, deleted_by from scoring.note where account_id = $1", account)

    assert (gone.status_code, again.status_code) == (204, 404)
    assert again.json()["type"].endswith("note_unknown")
    assert tuple(row) == ("", "crm bridge")
    assert (await client.get(f"/accounts/{account}/notes")).json()["data"] == []


async def test_the_answer_that_showed_a_deleted_note_shows_it_no_more(
    office: Office, client: httpx.AsyncClient, account: UUID
) -> None:
    headers = {"idempotency-key": f"note-{account}"}
    made = await client.post(f"/accounts/{account}/notes", json=NOTE, headers=headers)
    again = await client.post(f"/accounts/{account}/notes", json=NOTE, headers=headers)
    await client.delete(f"/accounts/{account}/notes/{made.json()['id']}")
    gone = await client.post(f"/accounts/{account}/notes", json=NOTE, headers=headers)

    assert (again.status_code, again.json()) == (201, made.json())
    assert (gone.status_code, gone.json()["type"].rsplit("/", 1)[-1]) == (410, "gone")
    assert NOTE["text"] not in gone.text
    assert (await client.get(f"/accounts/{account}/notes")).json()["data"] == [], "and no second one is made"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"text": "x" * 20_000}, "/text", "bad_string"),
        ({"text": "x" * 5_001}, "/text", "bad_string"),
        ({"text": ""}, "/text", "bad_string"),
        ({"text": "\u200b"}, "/text", "bad_string"),
        ({"text": "a\x00b"}, "/text", "bad_string"),
        ({"text": "a\x1b[31mb"}, "/text", "bad_string"),
        ({"text": "all \u202eneerg\u202c"}, "/text", "bad_string"),
        ({"text": 5}, "/text", "wrong_type"),
        ({}, "/text", "wrong_type"),
        (NOTE | {"visibility": "public"}, "/visibility", "not_valid"),
        (NOTE | {"score": 100}, "/score", "unknown_field"),
    ],
)
async def test_a_note_that_breaks_a_rule_is_refused_at_its_place(
    client: httpx.AsyncClient, shared: UUID, body: dict[str, Any], pointer: str, code: str
) -> None:
    answer = await client.post(f"/accounts/{shared}/notes", json=body)

    assert fault(answer) == (422, pointer, code), answer.text


async def test_a_note_of_five_thousand_characters_is_kept_whole(client: httpx.AsyncClient, account: UUID) -> None:
    made = (await client.post(f"/accounts/{account}/notes", json={"text": "\U0001f600" * 5_000})).json()

    assert made["text"] == "\U0001f600" * 5_000


async def test_a_note_moves_no_score(office: Office, client: httpx.AsyncClient, account: UUID) -> None:
    before = await client.get(f"/accounts/{account}/health")
    await client.post(f"/accounts/{account}/notes", json=NOTE)
    await office.turn()

    assert (await client.get(f"/accounts/{account}/health")).headers["etag"] == before.headers["etag"]


async def test_an_account_without_a_score_has_notes_and_no_doubts(office: Office, client: httpx.AsyncClient) -> None:
    account = new_account()
    await office.web.owner.execute(
        "insert into scoring.account (account_id, name, start_at, first_seen_at, updated_at)"
        " values ($1, 'New', now(), now(), now())",
        account,
    )
    note = await client.post(f"/accounts/{account}/notes", json=NOTE)
    doubt = await client.post(f"/accounts/{account}/feedback", json=DOUBT)

    assert (note.status_code, note.json()["then"]) == (201, {"score": None, "band": None, "as_of": None})
    assert (doubt.status_code, doubt.json()["type"].rsplit("/", 1)[-1]) == (404, "not_scored_yet")
