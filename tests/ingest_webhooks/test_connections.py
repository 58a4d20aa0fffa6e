"""Claims about connections: secrets are shown once, rotate with overlap, and settings must make sense."""

import asyncio

from .conftest import Bench, batch, change, linked, prop


async def test_a_made_up_secret_is_shown_once_and_works(bench: Bench) -> None:
    made = await bench.connect(secret=None)
    listed = (await bench.client.get("/connections")).json()["data"]
    changed = (await bench.client.patch(f"/connections/{made['id']}", json={"name": "renamed"})).json()

    assert made["webhook_url"] == f"http://test/webhooks/hubspot/{made['id']}"
    assert len(made["secret"]) >= 32
    assert all(one["secret"] is None for one in listed)
    assert (changed["name"], changed["secret"]) == ("renamed", None)
    own = Bench(bench.app, bench.client, bench.pool, bench.service, made)
    assert (await own.deliver(batch(change("company.creation", 51, 1)), made["secret"])).status_code == 200


async def test_a_given_secret_is_never_shown_and_lies_sealed(bench: Bench) -> None:
    made = await bench.connect(secret="given-by-hubspot-itself")
    sealed = await bench.pool.fetchval(
        "select sealed from ingest.connection_secret where connection_id = $1", made["id"]
    )
    assert made["secret"] is None
    assert b"given-by" not in sealed


async def test_during_a_rotation_both_secrets_pass_and_afterwards_only_the_new_one(bench: Bench) -> None:
    made = await bench.connect(secret="the-first-secret")
    own = Bench(bench.app, bench.client, bench.pool, bench.service, made)
    path = f"/connections/{made['id']}/rotate"
    rotated = (await bench.client.post(path, json={"secret": "the-second-secret", "overlap_seconds": 60})).json()
    both = [
        (await own.deliver(batch(change("company.creation", 52, number)), secret)).status_code
        for number, secret in enumerate(("the-first-secret", "the-second-secret"))
    ]
    await bench.client.post(path, json={"secret": "the-third-secret", "overlap_seconds": 0})
    after = [
        (await own.deliver(batch(change("company.creation", 53, number)), secret)).status_code
        for number, secret in enumerate(("the-first-secret", "the-second-secret", "the-third-secret"))
    ]

    assert rotated["older_secret_until"] is not None
    assert (both, after) == ([200, 200], [401, 401, 200])


async def test_settings_that_the_source_does_not_know_are_422_with_a_pointer(bench: Bench) -> None:
    body = {"source": "hubspot", "name": "x", "settings": {"allow_v2": True, "closed_stages": 4}}
    answer = await bench.client.post("/connections", json=body)
    pointers = {error["pointer"] for error in answer.json()["errors"]}

    assert answer.status_code == 422
    assert pointers == {"/settings/allow_v2", "/settings/closed_stages"}


async def test_an_unknown_source_is_422(bench: Bench) -> None:
    answer = await bench.client.post("/connections", json={"source": "plain", "name": "x"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/source")


async def test_changed_settings_count_for_the_next_delivery(bench: Bench) -> None:
    made = await bench.connect()
    own = Bench(bench.app, bench.client, bench.pool, bench.service, made)
    await bench.client.patch(f"/connections/{made['id']}", json={"settings": {"closed_stages": ["done"]}})
    await own.deliver(batch(linked("ticket", 54, 2, 1), prop("ticket", 54, 2, "hs_pipeline_stage", "done")))
    await bench.relay()

    assert [row["type"] for row in await bench.events("hubspot:54:1")] == ["ticket.resolved"]


async def test_changed_settings_are_merged_and_null_takes_one_away(bench: Bench) -> None:
    made = await bench.connect(settings={"app_id": 22, "portal_id": 7, "closed_stages": ["4"]})
    path = f"/connections/{made['id']}"
    kept = (await bench.client.patch(path, json={"settings": {"closed_stages": ["done"]}})).json()["settings"]
    removed = (await bench.client.patch(path, json={"settings": {"portal_id": None}})).json()["settings"]
    refused = await bench.client.patch(path, json={"settings": {"app_id": "22"}})

    assert kept == {"app_id": 22, "portal_id": 7, "closed_stages": ["done"]}
    assert removed == {"app_id": 22, "closed_stages": ["done"]}
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/settings/app_id")
    (listed,) = [one for one in (await bench.client.get("/connections")).json()["data"] if one["id"] == made["id"]]
    assert listed["settings"] == removed


async def test_only_administrators_touch_connections(bench: Bench) -> None:
    for method, path in (
        ("GET", "/connections"),
        ("POST", "/connections"),
        ("DELETE", f"/connections/{bench.connection['id']}"),
    ):
        answer = await bench.client.request(method, path, headers={"authorization": ""})
        assert answer.status_code == 401


async def test_two_segment_connections_never_share_a_write_key(bench: Bench) -> None:
    first = await bench.connect(source="segment", secret="a-write-key-of-one")
    second = await bench.connect(source="segment", secret="a-write-key-of-two")
    taken = {"source": "segment", "name": "x", "secret": "a-write-key-of-one"}
    path = f"/connections/{second['id']}/rotate"
    answers = [
        await bench.client.post("/connections", json=taken),
        await bench.client.post(path, json={"secret": "a-write-key-of-one", "overlap_seconds": 60}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (409, "/secret")
        assert "a-write-key" not in answer.text
    own = f"/connections/{first['id']}/rotate"
    again = await bench.client.post(own, json={"secret": "a-write-key-of-one", "overlap_seconds": 0})
    assert again.status_code == 200
    await bench.client.post(own, json={"secret": "a-third-write-key", "overlap_seconds": 60})
    assert (await bench.client.post("/connections", json=taken)).status_code == 409, "the older one lives on"
    await bench.client.delete(f"/connections/{first['id']}")
    assert (await bench.client.post("/connections", json=taken)).status_code == 201


async def test_of_two_connections_made_at_once_with_one_write_key_one_is_made(bench: Bench) -> None:
    body = {"source": "segment", "name": "x", "secret": "a-write-key-for-all"}
    answers = await asyncio.gather(*(bench.client.post("/connections", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_apps_of_other_providers_share_one_secret_over_many_accounts(bench: Bench) -> None:
    made = [await bench.connect(secret="one-app-of-hubspot") for _ in range(2)]
    assert made[0]["id"] != made[1]["id"]
