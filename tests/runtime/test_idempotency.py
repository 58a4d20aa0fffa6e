"""A POST that its caller names makes its thing once, however often and however fast it comes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from asyncpg import Connection
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from ingest_webhooks.settings import SCHEMA
from milepost_runtime.database import Pool
from milepost_runtime.idempotency import Idempotency, NamedRequests, forget_old
from milepost_runtime.keys import KeyRing, insert_key, new_key
from milepost_runtime.problems import Problem
from milepost_runtime.secrets import Vault
from milepost_runtime.web import new_app

SECRET = "made-up-secret-of-the-thing"


class Wanted(BaseModel):
    name: str
    wait: float = 0.0


class Workshop:
    """A service that makes things, and counts them."""

    def __init__(self, client: httpx.AsyncClient, pool: Pool) -> None:
        self.client = client
        self.pool = pool
        self.made: list[str] = []

    async def ask(self, key: str | None, name: str = "a", **more: Any) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.client.post("/things", json={"name": name} | more, headers=headers)


@pytest.fixture
async def workshop(ingest_pool: Pool) -> AsyncIterator[Workshop]:
    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield

    router = APIRouter(route_class=NamedRequests)
    app = new_app("Workshop", "", lifespan, {})
    app.state.keys = KeyRing(ingest_pool, SCHEMA)
    app.state.idempotency = Idempotency(ingest_pool, Vault("a deployment's secret"))
    key = new_key()
    async with ingest_pool.acquire() as connection:
        await insert_key(connection, "ingest", key, name="workshop", scopes=["admin"], days=None)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {key.text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        shop = Workshop(client, ingest_pool)

        @router.post("/things", status_code=201)
        async def make(wanted: Wanted) -> dict[str, str]:
            await asyncio.sleep(wanted.wait)
            if wanted.name == "refused":
                raise Problem(409, "taken", "Taken.")
            if wanted.name == "undone":
                raise asyncpg.DeadlockDetectedError("deadlock detected")
            shop.made.append(wanted.name)
            if wanted.name == "broken":
                raise RuntimeError
            if wanted.name == "cut":
                raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
            return {"id": str(len(shop.made)), "secret": SECRET}

        app.include_router(router)
        yield shop


async def test_a_repetition_gets_the_first_answer_and_makes_nothing(workshop: Workshop) -> None:
    first, second = await workshop.ask("k1"), await workshop.ask("k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert workshop.made == ["a"]


async def test_a_request_without_a_name_is_carried_out_each_time(workshop: Workshop) -> None:
    assert [(await workshop.ask(None)).json()["id"] for _ in range(2)] == ["1", "2"]


async def test_a_name_that_was_given_to_another_request_is_refused(workshop: Workshop) -> None:
    await workshop.ask("k2")
    told = await workshop.ask("k2", name="b")
    assert (told.status_code, told.json()["type"].rsplit("/", 1)[-1]) == (422, "idempotency_key_reused")
    assert workshop.made == ["a"]


async def test_while_the_first_is_under_way_others_are_told_to_wait(workshop: Workshop) -> None:
    answers = await asyncio.gather(*(workshop.ask("k3", wait=0.3) for _ in range(5)))
    assert sorted(one.status_code for one in answers) == [201, 409, 409, 409, 409]
    (told, *_) = [one for one in answers if one.status_code == 409]
    assert told.json()["type"].endswith("idempotency_in_progress")
    assert (await workshop.ask("k3", wait=0.3)).json() == next(one for one in answers if one.status_code == 201).json()
    assert workshop.made == ["a"]


@pytest.mark.parametrize(("name", "status"), [("refused", 409), ("undone", 503)])
async def test_what_made_nothing_may_come_again_under_its_name(workshop: Workshop, name: str, status: int) -> None:
    key = f"again-{name}"
    assert [(await workshop.ask(key, name=name)).status_code for _ in range(2)] == [status, status]
    assert (await workshop.ask(key)).status_code == 201


@pytest.mark.parametrize(("name", "status"), [("broken", 500), ("cut", 503)])
async def test_what_may_have_made_something_never_comes_again_under_its_name(
    workshop: Workshop, name: str, status: int
) -> None:
    key = f"once-{name}"
    assert (await workshop.ask(key, name=name)).status_code == status
    again = [await workshop.ask(key, name=name) for _ in range(2)]
    assert [one.json()["type"].rsplit("/", 1)[-1] for one in again] == ["idempotency_outcome_unknown"] * 2
    assert {one.status_code for one in again} == {409}
    assert workshop.made == [name]


async def test_what_was_made_is_told_though_its_answer_cannot_be_kept(workshop: Workshop, owner: Connection) -> None:
    await owner.execute(
        "create function public.full() returns trigger language plpgsql as $$ begin"
        " raise exception using errcode = '53100', message = 'disk full'; end $$;"
        " create trigger full_disk before update on ingest.idempotency"
        " for each row execute function public.full()"
    )
    try:
        assert (await workshop.ask("kept")).status_code == 201
    finally:
        await owner.execute("drop trigger full_disk on ingest.idempotency; drop function public.full()")
    assert (await workshop.ask("kept")).json()["type"].endswith("idempotency_in_progress")
    await workshop.pool.execute("update ingest.idempotency set created_at = created_at - interval '2 minutes'")
    assert (await workshop.ask("kept")).json()["type"].endswith("idempotency_outcome_unknown")
    assert workshop.made == ["a"]


async def test_two_names_are_none(workshop: Workshop) -> None:
    headers = [("Idempotency-Key", "first"), ("Idempotency-Key", "second")]
    told = await workshop.client.post("/things", json={"name": "a"}, headers=headers)
    assert (told.status_code, told.json()["type"].rsplit("/", 1)[-1]) == (400, "bad_idempotency_key")
    assert workshop.made == []


@pytest.mark.parametrize("key", ["x" * 256, "", "two words", "t\tb", "ümlaut"])
async def test_a_name_that_is_none_is_refused(workshop: Workshop, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    told = await workshop.client.post("/things", json={"name": "a"}, headers=headers)  # type: ignore[arg-type]
    assert (told.status_code, told.json()["type"].rsplit("/", 1)[-1]) == (400, "bad_idempotency_key")


async def test_answers_are_kept_sealed_and_for_a_day(workshop: Workshop) -> None:
    await workshop.pool.execute("delete from ingest.idempotency")
    await workshop.ask("k4")
    kept = await workshop.pool.fetchval("select answer from ingest.idempotency")
    assert SECRET.encode() not in kept
    await workshop.pool.execute(
        "update ingest.idempotency set created_at = created_at - $1::interval", timedelta(days=1)
    )
    assert (await workshop.ask("k4")).json()["id"] == "2"


async def test_a_request_whose_process_died_is_never_carried_out_again(workshop: Workshop) -> None:
    await workshop.pool.execute("delete from ingest.idempotency")
    await workshop.ask("k5")
    await workshop.pool.execute("update ingest.idempotency set answer = null")
    assert (await workshop.ask("k5")).json()["type"].endswith("idempotency_in_progress")
    await workshop.pool.execute("update ingest.idempotency set created_at = created_at - interval '61 seconds'")
    told = await workshop.ask("k5")
    assert (told.status_code, told.json()["type"].rsplit("/", 1)[-1]) == (409, "idempotency_outcome_unknown")
    assert "retry-after" not in told.headers
    assert workshop.made == ["a"]


async def test_answers_that_are_a_day_old_are_forgotten(workshop: Workshop) -> None:
    await workshop.pool.execute("delete from ingest.idempotency")
    await workshop.ask("k7")
    await workshop.pool.execute("update ingest.idempotency set created_at = created_at - interval '25 hours'")
    await workshop.ask("k8")
    async with workshop.pool.acquire() as connection:
        await forget_old(connection)
    assert await workshop.pool.fetchval("select count(*) from ingest.idempotency") == 1


async def test_a_stranger_leaves_no_row(workshop: Workshop) -> None:
    before = await workshop.pool.fetchval("select count(*) from ingest.idempotency")
    headers = {"authorization": "Bearer mp_none", "Idempotency-Key": "k6"}
    assert (await workshop.client.post("/things", json={"name": "a"}, headers=headers)).status_code == 401
    assert await workshop.pool.fetchval("select count(*) from ingest.idempotency") == before
