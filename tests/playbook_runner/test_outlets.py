"""Claims about connections: who may make them, what is never shown, what is refused with its place."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from support.hubspot_portal import PORTAL, Portal
from support.outreach import Outreach
from support.runner_api import key_with, runner_api

from milepost_runtime.lanes import drain
from playbook_runner.settings import RunnerSettings

TOKEN = "pat-eu1-first-token"


@pytest.fixture
async def api(outreach: Outreach, settings: RunnerSettings) -> AsyncIterator[httpx.AsyncClient]:
    """The web application with its lifespan, behind an administrator's client."""
    await outreach.pool.execute("truncate writeback, idempotency")
    async with runner_api(settings, await key_with(outreach.pool, "admin")) as client:
        yield client


def hubspot(portal: Portal, **parts: Any) -> dict[str, Any]:
    ours = {"name": "our-hubspot", "kind": "hubspot", "settings": portal.settings, "secrets": {"token": TOKEN}}
    return ours | parts


async def test_a_connection_is_made_listed_changed_and_forgotten_and_its_secret_never_shown(
    api: httpx.AsyncClient, portal: Portal
) -> None:
    made = await api.post("/outlets", json=hubspot(portal))
    place = f"/outlets/{made.json()['id']}"
    changed = await api.patch(place, json={"settings": {"api_version": "v4"}, "active": False, "rate_per_s": 2.5})
    listed = await api.get("/outlets")
    deleted = await api.delete(place)
    gone = await api.get(place)

    assert made.status_code == 201
    assert made.json()["rate_per_s"] == 9.0
    assert changed.json()["settings"] == {"portal_id": PORTAL, "api_url": portal.url, "api_version": "v4"}
    assert (changed.json()["active"], changed.json()["rate_per_s"]) == (False, 2.5)
    assert [one["name"] for one in listed.json()["data"]] == ["our-hubspot"]
    assert TOKEN not in made.text + changed.text + listed.text
    assert (deleted.status_code, gone.status_code) == (204, 404)
    assert gone.json()["type"].endswith("/outlet_unknown")


async def test_secrets_are_sealed_where_they_are_kept(
    api: httpx.AsyncClient, portal: Portal, outreach: Outreach
) -> None:
    await api.post("/outlets", json=hubspot(portal))

    row = await outreach.pool.fetchrow("select * from outlet")

    assert TOKEN not in str(dict(row))


async def test_a_webhook_without_a_secret_is_given_one_that_is_shown_once(api: httpx.AsyncClient) -> None:
    body = {"name": "hook", "kind": "webhook", "settings": {"url": "https://hooks.example.com/in"}}

    made = (await api.post("/outlets", json=body, headers={"Idempotency-Key": "make-hook"})).json()
    again = await api.post("/outlets", json=body, headers={"Idempotency-Key": "make-hook"})
    shown = (await api.get(f"/outlets/{made['id']}")).json()

    assert made["secret"].startswith("whsec_")
    assert len(made["secret"]) == 50
    assert again.json() == made
    assert again.headers["idempotent-replayed"] == "true"
    assert shown["secret"] is None


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"secrets": {"token": TOKEN, "client_id": "client-id-1"}}, "/"),
        ({"secrets": {"tokken": TOKEN}}, "/tokken"),
        ({"settings": {"portal_id": "four"}}, "/portal_id"),
        ({"settings": {"portal_id": PORTAL, "api_version": "latest"}}, "/api_version"),
        ({"name": "Our HubSpot"}, "/name"),
        ({"kind": "crm"}, "/kind"),
    ],
)
async def test_what_does_not_fit_is_refused_with_its_place_and_without_its_value(
    api: httpx.AsyncClient, portal: Portal, change: dict[str, Any], pointer: str
) -> None:
    refused = await api.post("/outlets", json=hubspot(portal, **change))

    assert refused.status_code == 422
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]
    assert TOKEN not in refused.text


@pytest.mark.parametrize(
    ("url", "code"),
    [("ftp://hooks.example.com/in", "url_scheme"), ("https://10.0.0.7/in", "url_address"),
     ("https://169.254.169.254/latest", "url_address"), ("https://[::1]/in", "url_address"),
     ("https://user:pass@hooks.example.com/in", "not_valid"), ("https://hooks.example.com:22/in", "url_port")],
)  # fmt: skip
async def test_an_address_inside_or_unfit_is_refused_when_it_is_saved(
    api: httpx.AsyncClient, url: str, code: str
) -> None:
    body = {"name": "hook", "kind": "webhook", "settings": {"url": url}}

    refused = await api.post("/outlets", json=body)

    assert refused.status_code == 422
    assert refused.json()["type"].rpartition("/")[2] in (code, "not_valid")


async def test_a_key_of_salesforce_is_checked_before_it_is_kept(api: httpx.AsyncClient) -> None:
    settings = {"organization_id": "00Dak00000HGnxb", "client_id": "client-of-milepost"}
    body = {"name": "sf", "kind": "salesforce", "settings": settings}

    no_key = await api.post("/outlets", json=body | {"secrets": {"private_key": "-----BEGIN NOTHING-----"}})
    nothing = await api.post("/outlets", json=body)
    fine = await api.post("/outlets", json=body | {"secrets": {"client_secret": "secret-of-the-client"}})

    assert [no_key.status_code, nothing.status_code, fine.status_code] == [422, 422, 201]
    assert fine.json()["settings"]["organization_id"] == "00Dak00000HGnxbEAD"


async def test_a_name_is_taken_once(api: httpx.AsyncClient, portal: Portal) -> None:
    await api.post("/outlets", json=hubspot(portal))
    taken = await api.post("/outlets", json=hubspot(portal))

    assert taken.status_code == 409
    assert taken.json()["type"].endswith("/outlet_taken")


async def test_only_administrators_see_connections(api: httpx.AsyncClient, outreach: Outreach) -> None:
    author = await key_with(outreach.pool, "read", "write", "playbooks")

    refused = [await api.get("/outlets", headers=author), await api.post("/outlets", json={}, headers=author)]

    assert [one.status_code for one in refused] == [403, 403]


async def test_a_set_up_over_the_api_tells_what_it_made_and_who_was_not_taken(
    api: httpx.AsyncClient, portal: Portal, outreach: Outreach
) -> None:
    account = await outreach.drop(references=(f"hubspot:{PORTAL}:404",))
    outlet = (await api.post("/outlets", json=hubspot(portal))).json()["id"]

    done = await api.post(f"/outlets/{outlet}/setup")
    await drain(outreach.pool, outreach.runner.writing_back.lane)
    told = (await api.get(f"/outlets/{outlet}/told")).json()

    assert done.status_code == 200
    assert done.json()["accounts"] == 1
    assert done.json()["properties"]["companies.milepost_score"] == "made"
    assert (told["waiting"], told["refused"]) == (0, 1)
    assert told["data"][0]["account_id"] == str(account)


async def test_a_crm_that_refuses_its_set_up_says_why(api: httpx.AsyncClient, portal: Portal) -> None:
    body = hubspot(portal, secrets={"token": "pat-eu1-another-token"})
    outlet = (await api.post("/outlets", json=body)).json()["id"]
    hook = {"name": "hook", "kind": "webhook", "settings": {"url": "https://hooks.example.com/in"}}
    other = (await api.post("/outlets", json=hook)).json()["id"]

    refused = await api.post(f"/outlets/{outlet}/setup")
    no_crm = await api.post(f"/outlets/{other}/setup")

    assert refused.status_code == 409
    assert "put another one in its place" in refused.json()["detail"]
    assert no_crm.status_code == 409
    assert no_crm.json()["type"].endswith("/no_crm")


async def test_a_change_of_health_is_told_through_the_feed(
    api: httpx.AsyncClient, portal: Portal, outreach: Outreach
) -> None:
    outlet = (await api.post("/outlets", json=hubspot(portal))).json()["id"]
    await api.post(f"/outlets/{outlet}/setup")
    portal.companies["90210"] = {}
    await outreach.drop(references=(f"hubspot:{PORTAL}:90210",))

    await outreach.start()
    await outreach.later("writeback")
    await drain(outreach.pool, outreach.runner.writing_back.lane)

    assert portal.companies["90210"]["milepost_score"] == "47.3"


async def test_accounts_that_share_a_company_are_named_with_the_one_that_it_is_told_of(
    api: httpx.AsyncClient, portal: Portal, outreach: Outreach
) -> None:
    company = portal.company(90210)
    accounts = sorted([await outreach.drop(references=(company,)) for _ in range(2)])
    outlet = (await api.post("/outlets", json=hubspot(portal))).json()["id"]

    await api.post(f"/outlets/{outlet}/setup")
    await drain(outreach.pool, outreach.runner.writing_back.lane)
    told = (await api.get(f"/outlets/{outlet}/told")).json()

    ids = [str(account) for account in accounts]
    assert told["shared"] == [{"record_id": "90210", "told_of": ids[0], "accounts": 2, "account_ids": ids}]
