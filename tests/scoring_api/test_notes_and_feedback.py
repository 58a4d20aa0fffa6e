"""Claims about notes and doubts: they keep the score of their moment, reach somebody, and are answered once."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from support.histories import Told, new_account, tell
from support.people import OVERRIDE, PULSE, Office, fault, health, open_office
from support.scored import clock, newcomer, score
from support.scoring_web import Web, running

from milepost_runtime.database import Pool

NOTE = {"text": "Import waits for their IT."}
DOUBT = {"because": "These tickets are feature wishes.", "signal": "open_critical", "expected_band": "green"}
ANSWER = {"verdict": "data_fixed", "answer": "Wishes carry their own tag now.", "author": "Ola"}


@pytest.fixture(scope="module")
async def web(database_url: str, redis_url: str) -> AsyncIterator[Web]:
    async with running(database_url, redis_url) as made:
        yield made


@pytest.fixture(scope="module")
async def office(web: Web, scoring_pool: Pool) -> Office:
    return await open_office(web, scoring_pool)


@pytest.fixture
async def account(office: Office) -> UUID:
    return await office.customer(well=False)


@pytest.fixture(scope="module")
async def shared(office: Office) -> UUID:
    return await office.customer(well=False)


@pytest.fixture
async def client(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    async with office.client() as made:
        yield made


# --- notes


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


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"text": "x" * 20_000}, "/text", "bad_string"),
        ({"text": "x" * 5_001}, "/text", "bad_string"),
        ({"text": ""}, "/text", "bad_string"),
        ({"text": "\u200b"}, "/text", "bad_string"),
        ({"text": "a\x00b"}, "/text", "bad_string"),
        ({"text": "a\x1b[31mb"}, "/text", "bad_string"),
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


# --- doubts


async def test_a_doubt_keeps_what_it_is_about_and_waits_for_the_accounts_owner(
    client: httpx.AsyncClient, account: UUID
) -> None:
    before = await health(client, account)
    made = await client.post(f"/accounts/{account}/feedback", json=DOUBT | {"author": "Kim"})
    one = made.json()
    page = (await client.get("/feedback", params={"state": "open", "owner": "Dana Reyes", "limit": 200})).json()

    assert made.status_code == 201, made.text
    assert (one["because"], one["signal"], one["expected_band"]) == tuple(DOUBT.values())
    assert (one["author"], one["owner"], one["state"], one["answer"]) == ("Kim", "Dana Reyes", "open", None)
    assert (one["then"]["score"], one["then"]["band"]) == (before["score"], before["effective_band"]["band"])
    assert one["model"] == before["model"]
    assert one["account"] == {"id": str(account), "name": "Harbour & Pine Logistics"}
    assert one in page["data"]
    assert page["open"] == len(page["data"])


async def test_without_an_owner_the_steward_of_the_models_answers(
    office: Office, client: httpx.AsyncClient
) -> None:
    account, now = new_account(), await clock(office.web.owner)
    told = [Told(account, "account.started", now - timedelta(days=9)), Told(account, "feature.used", now)]
    await score(office.web, office.pool, [told])
    made = (await client.post(f"/accounts/{account}/feedback", json={"because": "They are fine."})).json()

    assert made["owner"] == office.web.settings.scoring_steward == "model owner"


async def test_an_answer_reaches_who_asked_and_is_given_once(client: httpx.AsyncClient, account: UUID) -> None:
    made = (await client.post(f"/accounts/{account}/feedback", json=DOUBT)).json()
    answered = await client.post(f"/feedback/{made['id']}/answer", json=ANSWER)
    again = await client.post(f"/feedback/{made['id']}/answer", json=ANSWER | {"answer": "Something else."})
    shown = (await client.get(f"/accounts/{account}/feedback")).json()["data"]
    waiting = (await client.get("/feedback?state=open&limit=200")).json()["data"]
    done = (await client.get("/feedback?state=answered&limit=200")).json()["data"]

    assert answered.status_code == 200, answered.text
    assert shown == [answered.json()]
    answer = shown[0]["answer"]
    assert (answer["verdict"], answer["text"], answer["author"]) == ("data_fixed", ANSWER["answer"], "Ola")
    assert (again.status_code, again.json()["type"].rsplit("/", 1)[-1]) == (409, "feedback_answered")
    assert made["id"] not in [one["id"] for one in waiting]
    assert made["id"] in [one["id"] for one in done]


async def test_what_waits_longest_comes_first_and_pages_follow(client: httpx.AsyncClient, account: UUID) -> None:
    mine = [
        (await client.post(f"/accounts/{account}/feedback", json={"because": f"Doubt {n}."})).json()["id"]
        for n in range(3)
    ]
    found: list[str] = []
    cursor: str | None = None
    while cursor is not None or not found:
        more = {"cursor": cursor} if cursor else {}
        page = (await client.get("/feedback", params={"state": "open", "limit": 2} | more)).json()
        found += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]

    assert [one for one in found if one in mine] == mine
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"signal": "open_criticl"}, "/signal", "unknown_signal"),
        ({"expected_band": "gren"}, "/expected_band", "unknown_band"),
        ({"because": ""}, "/because", "bad_string"),
        ({"because": "x" * 5_001}, "/because", "bad_string"),
        ({"because": "\x00"}, "/because", "bad_string"),
        ({"owner": "me"}, "/owner", "unknown_field"),
    ],
)
async def test_a_doubt_that_breaks_a_rule_is_refused_at_its_place(
    client: httpx.AsyncClient, shared: UUID, change: dict[str, Any], pointer: str, code: str
) -> None:
    answer = await client.post(f"/accounts/{shared}/feedback", json=DOUBT | change)

    assert fault(answer) == (422, pointer, code), answer.text


@pytest.mark.parametrize(("word", "meant"), [("open_criticl", "open_critical"), ("meeting_atendance", "meeting_attendance")])
async def test_a_signal_that_is_nearly_one_is_told_the_near_one(
    client: httpx.AsyncClient, shared: UUID, word: str, meant: str
) -> None:
    answer = await client.post(f"/accounts/{shared}/feedback", json=DOUBT | {"signal": word})

    assert f"did you mean {meant}?" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [({"verdict": "whatever"}, "/verdict"), ({"answer": " "}, "/answer"), ({"state": "open"}, "/state")],
)
async def test_an_answer_that_breaks_a_rule_leaves_the_doubt_open(
    client: httpx.AsyncClient, account: UUID, change: dict[str, Any], pointer: str
) -> None:
    made = (await client.post(f"/accounts/{account}/feedback", json=DOUBT)).json()
    refused = await client.post(f"/feedback/{made['id']}/answer", json=ANSWER | change)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await client.get(f"/accounts/{account}/feedback")).json()["data"] == [made]


async def test_a_doubt_that_nobody_had_is_404(client: httpx.AsyncClient) -> None:
    assert (await client.post(f"/feedback/{uuid4()}/answer", json=ANSWER)).status_code == 404
    assert (await client.post("/feedback/x/answer", json=ANSWER)).status_code == 422


# --- who may, what moves, what is forgotten


@pytest.mark.parametrize(("path", "body"), [("notes", NOTE), ("feedback", DOUBT), ("pulse", PULSE), ("override", OVERRIDE)])
async def test_only_a_key_that_may_write_says_something(
    office: Office, client: httpx.AsyncClient, shared: UUID, path: str, body: dict[str, Any]
) -> None:
    async with office.web.client(key=office.web.reader) as reader, office.web.client() as nobody:
        assert (await reader.post(f"/accounts/{shared}/{path}", json=body)).status_code == 403
        assert (await reader.get(f"/accounts/{shared}/{path}")).status_code == 200
        assert (await nobody.get(f"/accounts/{shared}/{path}")).status_code == 401
    assert (await client.post(f"/accounts/{uuid4()}/{path}", json=body)).status_code == 404
    assert (await client.get(f"/accounts/domain:nobody.example/{path}")).status_code == 404
    assert (await client.get("/accounts/external:%00/" + path)).status_code == 422
    assert (await client.get(f"/accounts/{shared}/{path}?colour=red")).status_code == 422


async def test_notes_and_doubts_move_with_a_merge(office: Office, client: httpx.AsyncClient, account: UUID) -> None:
    survivor = await office.customer()
    note = (await client.post(f"/accounts/{account}/notes", json=NOTE)).json()
    doubt = (await client.post(f"/accounts/{account}/feedback", json=DOUBT)).json()
    now = await clock(office.web.owner)
    await tell(office.web.owner, [Told(account, "account.merged", now, value_text=str(survivor))])
    await office.turn()
    notes = (await client.get(f"/accounts/{account}/notes")).json()["data"]
    doubts = (await client.get(f"/accounts/{survivor}/feedback")).json()["data"]

    assert notes == [note | {"account_id": str(survivor)}]
    assert [(one["id"], one["account"]["id"], one["then"]) for one in doubts] == [
        (doubt["id"], str(survivor), doubt["then"])
    ]


async def test_a_forgotten_person_is_in_no_text_and_signs_nothing(office: Office, client: httpx.AsyncClient) -> None:
    account, other, now = new_account(), new_account(), await clock(office.web.owner)
    used = Told(account, "feature.used", now - timedelta(days=1), actor="ann@acme.com", event_id=f"used:{account}")
    await score(office.web, office.pool, [[*newcomer(account, now), used], newcomer(other, now)])
    text = "Spoke to Ann@acme.com, not to joann@acme.com (ANN@ACME.COM)."
    for one in (account, other):
        await client.post(f"/accounts/{one}/notes", json={"text": text, "author": "ann@acme.com"})
    await client.post(f"/accounts/{account}/feedback", json={"because": text})
    await client.post(f"/accounts/{account}/pulse", json=PULSE | {"reason": text, "author": "Ann@acme.com"})
    await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"reason": text, "author": "ann@acme.com"})
    await _forget(office, account, "ann@acme.com", "erased:7:person:0")
    note = (await client.get(f"/accounts/{account}/notes")).json()["data"][0]
    doubt = (await client.get(f"/accounts/{account}/feedback")).json()["data"][0]
    pulse = (await client.get(f"/accounts/{account}/pulse")).json()["current"]
    override = (await client.get(f"/accounts/{account}/override")).json()["current"]
    elsewhere = (await client.get(f"/accounts/{other}/notes")).json()["data"][0]

    left = "Spoke to erased:7:person:0, not to joann@acme.com (erased:7:person:0)."
    assert (note["text"], note["author"], doubt["because"]) == (left, "erased:7:person:0", left)
    assert (pulse["reason"], pulse["author"]) == (left, "erased:7:person:0")
    assert (override["reason"], override["author"]) == (left, "erased:7:person:0")
    assert elsewhere["author"] == "ann@acme.com", "the same name may be another person's elsewhere"


async def _forget(office: Office, account: UUID, name: str, pseudonym: str) -> None:
    """Blank a person in the feed and tell of it, as the service that owns the feed does."""
    owner = office.web.owner
    await owner.execute(
        "update ingest.event set actor = $3 where account_id = $1 and actor = $2", account, name, pseudonym
    )
    said = {"event_ids": [f"used:{account}"]}
    await tell(owner, [Told(account, "person.erased", await clock(owner), properties=said)])
    await office.turn()
