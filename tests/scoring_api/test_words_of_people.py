"""Claims that hold for every word of a person: who may say it, that it moves with a merge, and forgets whom it must."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from support.histories import Told, new_account, tell
from support.people import OVERRIDE, PULSE, Office
from support.scored import clock, newcomer, score
from support.scoring_web import add_key

from milepost_runtime.lanes import claim, hold

NOTE = {"text": "Import waits for their IT."}
DOUBT = {"because": "These tickets are feature wishes.", "signal": "open_critical", "expected_band": "green"}
ANSWER = {"verdict": "data_fixed", "answer": "Wishes carry their own tag now.", "author": "Ola"}


@pytest.fixture
async def account(office: Office) -> UUID:
    return await office.customer(well=False)


@pytest.fixture(scope="module")
async def shared(office: Office) -> UUID:
    return await office.customer(well=False)


@pytest.mark.parametrize(
    ("path", "body"), [("notes", NOTE), ("feedback", DOUBT), ("pulse", PULSE), ("override", OVERRIDE)]
)
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


async def test_an_administrator_lets_a_person_be_forgotten_whom_no_event_names(
    office: Office, client: httpx.AsyncClient
) -> None:
    one, other = await office.customer(well=False), await office.customer()
    text = "Spoke to Jane.Doe@cust.example, not to mary-jane.doe@cust.example.org."
    signed = {"author": "jane.doe@cust.example"}
    await client.post(f"/accounts/{one}/pulse", json=PULSE | signed | {"reason": text})
    await client.post(f"/accounts/{one}/override", json=OVERRIDE | signed)
    doubt = (await client.post(f"/accounts/{one}/feedback", json={"because": text} | signed)).json()
    await client.post(f"/feedback/{doubt['id']}/answer", json=ANSWER)
    await client.post(f"/accounts/{other}/notes", json={"text": text} | signed)
    await office.web.owner.execute(
        "update scoring.feedback set owner = 'Jane.doe@cust.example' where account_id = $1", one
    )
    await office.turn()
    person = {"person": " JANE.doe@cust.example "}
    refused = await client.post("/erasures", json=person)
    async with office.web.client(key=await add_key(office.web.owner, ["admin"])) as admin:
        done = await admin.post("/erasures", json=person)
        again = await admin.post("/erasures", json=person)
    await office.turn()
    told = [
        (await client.get(f"/accounts/{account}/{path}")).text
        for account in (one, other)
        for path in ("pulse", "override", "feedback", "notes")
    ]
    health = (await client.post("/accounts/health:batch", json={"ids": [str(one)]})).text

    assert refused.status_code == 403
    assert (done.status_code, done.json(), again.json()) == (200, {"accounts": 2}, {"accounts": 0})
    assert not [text for text in (*told, health) if '"jane.doe@' in text.lower() or "to jane.doe@" in text.lower()]
    assert "by erased:person until" in health, "the score is told anew without the name"
    assert told[2].count("erased:person") == 3, "who doubted, whose it was, and whom the text named"
    assert "mary-jane.doe@cust.example.org" in told[7], "another's address stays"


async def test_what_was_known_is_told_without_a_forgotten_person(office: Office, client: httpx.AsyncClient) -> None:
    account = await office.customer(well=False)
    said = {"author": "Wilma", "reason": "Wilma has it from their board.", "band": "yellow", "days": 3}
    await client.post(f"/accounts/{account}/override", json=said)
    step = {"id": "board", "label": "Board call with Wilma", "owner": "Wilma"}
    assert (await client.post(f"/accounts/{account}/milestones", json=step)).status_code == 201
    await office.turn()
    then = {"as_of": (await clock(office.web.owner)).isoformat()}
    before = await client.get(f"/accounts/{account}/health", params=then)
    kept = "select inputs_hash, readings::text from scoring.snapshot where account_id = $1 order by as_of"
    hashes = [row["inputs_hash"] for row in await office.web.owner.fetch(kept, account)]
    async with office.web.client(key=await add_key(office.web.owner, ["admin"])) as admin:
        assert (await admin.post("/erasures", json={"person": "Wilma"})).json() == {"accounts": 1}
    ask_again = {"If-None-Match": before.headers["etag"]}
    after = await client.get(f"/accounts/{account}/health", params=then, headers=ask_again)
    rows = await office.web.owner.fetch(kept, account)

    assert "Red by Wilma" in before.text or "Yellow by Wilma" in before.text
    assert before.headers["cache-control"] == "private, no-cache", "what may lose a name is no answer for good"
    assert after.status_code == 200
    assert after.json()["summary"] == before.json()["summary"].replace("Wilma", "erased:person")
    assert after.json()["effective_band"]["band"] == before.json()["effective_band"]["band"]
    assert "Wilma" in before.text
    assert "Wilma" not in after.text
    assert not [row for row in rows if "Wilma" in row["readings"]]
    assert [row["inputs_hash"] for row in rows] == hashes, "the hash is of what was there"


async def test_a_score_that_is_computed_from_words_that_are_being_forgotten_is_not_kept(
    office: Office, client: httpx.AsyncClient
) -> None:
    account = await office.customer(well=False)
    await client.post(f"/accounts/{account}/override", json=OVERRIDE | {"author": "Wotan"})
    async with office.pool.acquire() as connection:
        scoring = await score(office.web, office.pool, [])
        await office.web.owner.execute(
            "update scoring.rescoring set next_at = clock_timestamp(), marked = marked + 1 where account_id = $1",
            account,
        )
        claims = [one for one in await claim(connection, scoring.rescoring.lane, 200) if one.key == account]
        async with office.web.client(key=await add_key(office.web.owner, ["admin"])) as admin:
            await admin.post("/erasures", json={"person": "Wotan"})
        assert await hold(connection, scoring.rescoring.lane, claims) == set()
    await office.turn()
    assert "by erased:person until" in (await client.get(f"/accounts/{account}/health")).text


async def _forget(office: Office, account: UUID, name: str, pseudonym: str) -> None:
    """Blank a person in the feed and tell of it, as the service that owns the feed does."""
    owner = office.web.owner
    await owner.execute(
        "update ingest.event set actor = $3 where account_id = $1 and actor = $2", account, name, pseudonym
    )
    said = {"event_ids": [f"used:{account}"]}
    await tell(owner, [Told(account, "person.erased", await clock(owner), properties=said)])
    await office.turn()


async def test_words_on_accounts_that_are_being_merged_reach_the_survivors_and_hold_nobody_up(office: Office) -> None:
    pairs = [(await office.customer(), await office.customer()) for _ in range(4)]
    now = await clock(office.web.owner)
    await tell(
        office.web.owner,
        [Told(gone, "account.merged", now, value_text=str(survivor)) for gone, survivor in pairs],
    )

    async def say(account: UUID) -> list[int]:
        async with office.client() as client:
            answers = [
                await client.post(f"/accounts/{account}/{path}", json=body)
                for path, body in (
                    ("override", OVERRIDE | {"reason": f"Of {account}."}),
                    ("pulse", PULSE),
                    ("notes", NOTE),
                    ("feedback", DOUBT),
                )
            ]
            return [answer.status_code for answer in answers]

    said, _ = await asyncio.gather(asyncio.gather(*(say(account) for pair in pairs for account in pair)), office.turn())
    async with office.client() as client:
        for _gone, survivor in pairs:
            for path, part, count in (("override", "history", 2), ("pulse", "history", 2), ("notes", "data", 2)):
                kept = (await client.get(f"/accounts/{survivor}/{path}")).json()
                assert len(kept[part]) == count, path

    assert said == [[201] * 4] * 8
    assert await office.web.owner.fetchval("select count(*) from scoring.unreadable") == 0
