"""Claims about doubts: they keep what they are about, reach somebody, and are answered once."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from support.histories import Told, new_account
from support.people import Office, fault, health
from support.scored import clock, score

NOTE = {"text": "Import waits for their IT."}
DOUBT = {"because": "These tickets are feature wishes.", "signal": "open_critical", "expected_band": "green"}
ANSWER = {"verdict": "data_fixed", "answer": "Wishes carry their own tag now.", "author": "Ola"}


@pytest.fixture
async def account(office: Office) -> UUID:
    return await office.customer(well=False)


@pytest.fixture(scope="module")
async def shared(office: Office) -> UUID:
    return await office.customer(well=False)


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


async def test_without_an_owner_the_steward_of_the_models_answers(office: Office, client: httpx.AsyncClient) -> None:
    account, now = new_account(), await clock(office.web.owner)
    told = [Told(account, "account.started", now - timedelta(days=9)), Told(account, "feature.used", now)]
    await score(office.web, office.pool, [told])
    made = (await client.post(f"/accounts/{account}/feedback", json={"because": "They are fine."})).json()

    assert made["owner"] == office.web.settings.scoring_steward == "model owner"


async def test_what_waits_goes_with_the_account_to_its_new_owner(
    office: Office, client: httpx.AsyncClient, account: UUID
) -> None:
    open_one, done = [
        (await client.post(f"/accounts/{account}/feedback", json={"because": word})).json() for word in ("Odd.", "Off.")
    ]
    await client.post(f"/feedback/{done['id']}/answer", json=ANSWER)
    now = await clock(office.web.owner)
    await score(
        office.web,
        office.pool,
        [[Told(account, "account.updated", now, properties={"owner": "Noor Haddad"}, event_id=f"owner:{account}")]],
    )
    told = (await client.get(f"/accounts/{account}/feedback")).json()["data"]
    hers = (await client.get("/feedback", params={"state": "open", "owner": "Noor Haddad"})).json()
    left = (await client.get("/feedback", params={"state": "open", "owner": "Dana Reyes", "limit": 200})).json()

    assert (open_one["owner"], done["owner"]) == ("Dana Reyes", "Dana Reyes")
    assert {one["id"]: one["owner"] for one in told} == {open_one["id"]: "Noor Haddad", done["id"]: "Dana Reyes"}
    assert ([one["id"] for one in hers["data"]], hers["open"]) == ([open_one["id"]], 1)
    assert open_one["id"] not in [one["id"] for one in left["data"]]
    answered = (await client.post(f"/feedback/{open_one['id']}/answer", json=ANSWER)).json()
    assert answered["owner"] == "Noor Haddad", "the answer keeps whose it was"


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
        query = {"state": "open", "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/feedback", params=query)).json()
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


@pytest.mark.parametrize(
    ("word", "meant"), [("open_criticl", "open_critical"), ("meeting_atendance", "meeting_attendance")]
)
async def test_a_signal_that_is_nearly_one_is_told_the_near_one(
    client: httpx.AsyncClient, shared: UUID, word: str, meant: str
) -> None:
    answer = await client.post(f"/accounts/{shared}/feedback", json=DOUBT | {"signal": word})

    assert answer.json()["detail"].endswith(f"did you mean {meant}?"), "a question ends with one mark"


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
