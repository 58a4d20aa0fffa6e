"""Claims about the main job: a real CRM delivery ends as an explained score and as one mail, followed by one id."""

import json
from typing import Any
from urllib.parse import quote

from support.house import House, until
from support.hubspot import PORTAL, Connection, drifting_company, send, signed


def path_of(number: int) -> str:
    return f"/accounts/{quote(f'hubspot:{PORTAL}:{number}', safe='')}/health"


async def health_of(house: House, number: int) -> dict[str, Any]:
    async def scored() -> dict[str, Any] | None:
        answer = await house.get("scoring_api", path_of(number))
        return dict(answer.json()) if answer.status_code == 200 and answer.json()["score"] is not None else None

    found: dict[str, Any] = await until(scored, f"the score of {number}")
    return found


async def test_a_signed_batch_becomes_an_explained_score_whose_drivers_add_up(house: House, crm: Connection) -> None:
    answer = await send(house.client, crm, drifting_company(501))
    assert (answer.status_code, answer.content) == (200, b"")

    async def settled() -> dict[str, Any] | None:
        found = await health_of(house, 501)
        return found if found["band"] == "red" else None

    health = await until(settled, "a red score")

    assert health["account"]["name"] == "Drifting 501"
    assert health["model"]["id"] == "b2b-onboarding"
    assert [one["weight"] for one in health["dimensions"]] != []
    total = health["baseline"] + sum(one["points"] for one in health["drivers"])
    total += sum(one["points"] for one in health["gates"])
    assert round(total, 6) == health["score"]
    assert health["drivers"][0]["points_lost"] == max(one["points_lost"] for one in health["drivers"])
    assert all(one["sentence"] for one in health["drivers"])
    assert {one["signal"]: one["why"] for one in health["missing"]}["sentiment"]


async def test_an_unchanged_score_is_answered_304(house: House, crm: Connection) -> None:
    await send(house.client, crm, drifting_company(502))
    await health_of(house, 502)
    first = await house.get("scoring_api", path_of(502))
    again = await house.get("scoring_api", path_of(502), headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


async def test_the_same_batch_again_changes_nothing(house: House, crm: Connection) -> None:
    body = drifting_company(503)
    await send(house.client, crm, body)
    before = await health_of(house, 503)
    books = (await house.get("ingest_webhooks", "/books")).json()
    for _ in range(3):
        assert (await send(house.client, crm, body)).status_code == 200
    after = await health_of(house, 503)

    assert (await house.get("ingest_webhooks", "/books")).json() == books
    assert after == before


async def test_a_wrong_signature_is_refused_and_leaves_nothing(house: House, crm: Connection) -> None:
    body = drifting_company(504)
    headers = signed(crm, body)
    answer = await house.client.post(crm.webhook_url, content=body + b" ", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await house.get("scoring_api", path_of(504))).status_code == 404


async def test_a_red_account_gets_one_mail_that_names_its_two_biggest_reasons(house: House, crm: Connection) -> None:
    await send(house.client, crm, drifting_company(505), **{"X-Request-Id": "flow-505"})

    async def nudged() -> list[dict[str, Any]]:
        return [mail for mail in await house.mails() if "Drifting 505" in mail["subject"] + mail["text"]]

    mails = await until(nudged, "the nudge")
    health = await health_of(house, 505)

    assert len(mails) == 1
    for driver in health["drivers"][:2]:
        assert driver["sentence"].lower() in " ".join(mails[0]["text"].lower().split())
    assert health["links"]["page"] in mails[0]["text"]


async def test_one_id_leads_from_the_webhooks_log_line_to_the_mails_header(house: House, crm: Connection) -> None:
    await send(house.client, crm, drifting_company(506), **{"X-Request-Id": "flow-506"})

    async def nudged() -> list[dict[str, Any]]:
        return [mail for mail in await house.mails() if "Drifting 506" in mail["subject"] + mail["text"]]

    (mail,) = await until(nudged, "the nudge")
    headers = {name.lower(): value for name, value in mail["headers"].items()}

    assert headers["x-milepost-correlation-id"] == "flow-506"
    for process in ("ingest-webhooks", "ingest-webhooks-worker", "scoring-api-worker", "playbook-runner-worker"):
        lines = [json.loads(line) for line in house.log(process).splitlines() if line.startswith("{")]
        assert any(line.get("correlation_id") == "flow-506" for line in lines), process


async def test_every_service_says_whether_it_lives_and_is_ready(house: House) -> None:
    for service in ("scoring_api", "ingest_webhooks", "playbook_runner"):
        assert (await house.get(service, "/livez")).status_code == 200
        ready = (await house.get(service, "/readyz")).json()
        assert ready["ready"]
        assert all(check["ok"] for check in ready["checks"].values())
        assert "milepost_http_request_duration_seconds" in (await house.get(service, "/metrics")).text
        assert (await house.get(service, "/openapi.json")).json()["openapi"].startswith("3.1")
