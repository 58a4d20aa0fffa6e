"""Claims about `/docs`: it tells the whole OpenAPI document, whatever that leaves out, and asks nothing of anybody."""

import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from importlib.resources import files
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, Field

from ingest_webhooks.app import create as ingest
from ingest_webhooks.settings import IngestSettings
from milepost_runtime.health import PATHS
from milepost_runtime.hot import Application
from milepost_runtime.keys import require_scope
from milepost_runtime.reference.contract import Operation, read_contract
from milepost_runtime.reference.kinds import Word, kind_of
from milepost_runtime.settings import load
from milepost_runtime.web import add_operations, new_app
from playbook_runner.app import build as runner
from playbook_runner.settings import RunnerSettings
from scoring_api.app import create as scoring
from scoring_api.documents.founding import read_founding
from scoring_api.settings import ScoringSettings

# Nobody connects before the lifespan, and the page needs none.
ENVIRON = {
    "MILEPOST_ENVIRONMENT": "test",
    "MILEPOST_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing",
    "MILEPOST_REDIS_URL": "redis://127.0.0.1:9/0",
    "MILEPOST_SECRET_KEY": "a secret of this test, long enough for it",
    "MILEPOST_SCORING_API_KEY": f"mp_{'a' * 12}_{'a' * 43}",
}
EVIL = '<img src=x onerror="alert(1)">'


class Parcel(BaseModel):
    """A thing to carry."""

    weight: Annotated[int, Field(ge=1, le=30)]
    label: str | None = Field(None, max_length=80, description=f"`Where` to {EVIL}")
    inside: "list[Parcel]" = []


@contextlib.asynccontextmanager
async def nothing(_app: FastAPI) -> AsyncIterator[None]:
    yield


def parcels(home: str = "") -> FastAPI:
    app = new_app("Parcels", "Carries things.", nothing, {}, tags={"parcels": "What is carried."}, home=home)

    @app.post("/parcels", tags=["parcels"], summary="Hand in", status_code=201)
    async def post_parcel(parcel: Parcel, _key: Annotated[Any, require_scope("write")]) -> Parcel:
        """Weighed at once.

        Kept until it is carried.
        """
        return parcel

    @app.get("/parcels", tags=["nobody described this"])
    async def list_parcels(near: Annotated[str, Query(description="A place")] = "here") -> list[Parcel]:
        return []

    @app.delete("/parcels/{number}", status_code=204)
    async def delete_parcel(number: int) -> None: ...

    add_operations(app)
    return app


def service(name: str) -> Application:
    if name == "ingest-webhooks":
        return ingest(load(IngestSettings, ENVIRON))
    if name == "playbook-runner":
        return runner(load(RunnerSettings, ENVIRON))
    settings = load(ScoringSettings, ENVIRON)
    return scoring(settings, read_founding(settings.scoring_model))


def client_of(app: Application) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


def operations(contract: dict[str, Any]) -> dict[str, Operation]:
    """Return the operations by method and path."""
    return {f"{one.method} {one.path}": one for part in read_contract(contract).sections for one in part.operations}


def text(kind: Sequence[Word]) -> str:
    return "".join(word.text for word in kind)


SERVICES = pytest.mark.parametrize("name", ["ingest-webhooks", "scoring-api", "playbook-runner"])


@SERVICES
async def test_every_service_tells_all_of_its_operations_and_shapes(name: str) -> None:
    async with client_of(service(name)) as client:
        contract = (await client.get("/openapi.json")).json()
        page = (await client.get("/docs")).text

    for path, item in contract["paths"].items():
        assert page.count(f"</span> <code>{path}</code>") == len(item)
    for shape in contract["components"]["schemas"]:
        assert f'id="shape-{shape}"' in page
    links = set(re.findall(r'href="#([^"]+)"', page))
    names = re.findall(r'\sid="([^"]+)"', page)
    assert len(names) == len(set(names))
    assert links <= set(names), "a link that leads nowhere"


@SERVICES
async def test_every_operation_of_a_service_is_introduced(name: str) -> None:
    async with client_of(service(name)) as client:
        contract = (await client.get("/openapi.json")).json()
    page = read_contract(contract)

    assert all(section.about for section in page.sections), "a group without a description"
    told = [one for section in page.sections for one in section.operations]
    assert [one.path for one in told if not (one.summary and one.about)] == []
    open_to_all = {one.path for one in told if not one.keys}
    # Providers and analytics libraries show who they are in ways of their own.
    own_ways = {"/webhooks/{source}/{connection}", "/webhooks/{source}/{connection}/{token}", "/v1/{call}"}
    # Whoever got a message from us shows by what it carried that it is theirs.
    own_ways |= {"/in-app/{token}", "/in-app/{token}/{key}/{what}", "/unsubscribe/{token}"}
    # Editors fetch the forms of documents; they say nothing of a deployment.
    assert open_to_all - own_ways - {"/models/schema.json", "/playbooks/schema.json"} == set(PATHS)


@SERVICES
async def test_references_inside_a_published_document_lead_somewhere(name: str) -> None:
    async with client_of(service(name)) as client:
        answer = await client.get("/openapi.json")
    references = set(re.findall(r'"\$ref":\s*"([^"]+)"', answer.text))

    assert references
    assert references <= {f"#/components/schemas/{shape}" for shape in answer.json()["components"]["schemas"]}


@SERVICES
async def test_the_page_has_no_script_and_asks_no_other_host(name: str) -> None:
    async with client_of(service(name)) as client:
        answer = await client.get("/docs")
        assets = re.findall(r'<link[^>]+href="([^"]+)"', answer.text)
        fetched = [await client.get(f"/{path}") for path in assets]
        foreign = [(await client.get(path)).status_code for path in ("/redoc", "/docs/oauth2-redirect")]

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'self';")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=\"|(?:src|href)=\"(?:\w+:|//)", answer.text)
    assert [one.headers["content-type"] for one in fetched] == ["image/svg+xml", "text/css; charset=utf-8"]
    assert all("immutable" in one.headers["cache-control"] for one in fetched)
    assert not re.search(r"url\(|@import|https?:", fetched[1].text)
    assert foreign == [404, 404]


async def test_what_a_document_leaves_out_is_left_out() -> None:
    """Tags nobody described, operations without tag, summary, answer or id are told all the same."""
    contract = {"openapi": "3.1.0", "paths": {"/a/{b}": {"get": {}, "post": {"tags": ["x"]}}, "/a-b": {"get": {}}}}
    page = read_contract(contract)

    assert [(part.name, part.about, len(part.operations)) for part in page.sections] == [("more", "", 2), ("x", "", 1)]
    anchors = [one.anchor for part in page.sections for one in part.operations]
    assert len(set(anchors)) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9-]+", anchor) for anchor in anchors)


async def test_groups_come_in_their_own_order_and_empty_ones_are_left_out() -> None:
    contract = parcels().openapi() | {"tags": [{"name": "empty"}, {"name": "parcels"}]}

    assert [part.name for part in read_contract(contract).sections] == [
        "parcels", "nobody described this", "more", "operations",
    ]  # fmt: skip


async def test_an_operation_says_what_it_asks_for_and_what_it_answers() -> None:
    told = operations(parcels().openapi())
    hand_in, read, away = told["POST /parcels"], told["GET /parcels"], told["DELETE /parcels/{number}"]

    assert hand_in.keys == ("write",)
    assert read.keys is None
    assert text(hand_in.body.kind) == "Parcel"
    assert [(one.name, text(one.kind), one.required) for one in hand_in.body.fields] == [
        ("weight", "integer", True), ("label", "string or null", False), ("inside", "list of Parcel", False),
    ]  # fmt: skip
    assert hand_in.body.fields[0].about == "1 to 30"
    assert [(one.name, one.where) for one in read.parameters] == [("near", "query")]
    assert read.parameters[0].about == "A place · default here"
    assert [(one.status, text(one.content.kind)) for one in read.answers] == [("200", "list of Parcel")]
    assert [one.name for one in read.answers[0].content.fields] == ["weight", "label", "inside"]
    assert [one.status for one in away.answers] == ["204", "404"]
    assert away.answers[0].content.kind == ()


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, "any"),
        ({"type": "string", "format": "uuid"}, "uuid"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"anyOf": [{"type": "number"}, {"type": "number"}, {"type": "null"}]}, "number or null"),
        ({"enum": ["red", "green"]}, "red | green"),
        ({"const": None}, "None"),
        ({"type": "array", "items": {}}, "list"),
        ({"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}]}, "list of number"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "map of integer"),
        ({"type": "object", "additionalProperties": True}, "object"),
        ({"allOf": [{"$ref": "#/components/schemas/shop__views__Parcel"}]}, "Parcel"),
    ],
)
def test_kinds_are_told_in_words(schema: dict[str, Any], words: str) -> None:
    assert text(kind_of(schema)) == words


async def test_a_shape_that_holds_itself_or_nothing_has_an_end() -> None:
    loop = {"$ref": "#/components/schemas/Loop"}
    answers = {"200": {"content": {"application/json": {"schema": loop}}}}
    contract = {"paths": {"/": {"get": {"responses": answers}}}, "components": {"schemas": {"Loop": {"anyOf": [loop]}}}}

    assert operations(contract)["GET /"].answers[0].content.fields == ()


async def test_texts_of_the_document_are_text() -> None:
    async with client_of(parcels()) as client:
        page = (await client.get("/docs")).text

    assert EVIL not in page
    assert "<code>Where</code> to &lt;img src=x" in page
    assert "<p>Weighed at once.</p>\n" in page


async def test_the_brand_leads_home_where_there_is_one() -> None:
    async with client_of(parcels()) as without, client_of(parcels("/app/")) as having:
        assert '<a class="brand"' not in (await without.get("/docs")).text
        assert '<a class="brand" href="/app/">' in (await having.get("/docs")).text


async def test_the_page_is_open_and_can_be_asked_for_its_head_only() -> None:
    async with client_of(parcels()) as client:
        assert (await client.head("/docs")).status_code == 200
        refused = await client.post("/docs")

    assert (refused.status_code, refused.headers["content-type"]) == (405, "application/problem+json")


def test_no_process_pays_for_the_page_before_somebody_reads_it() -> None:
    """A fresh interpreter, because this one has rendered pages already."""
    asked = "import sys, milepost_runtime.web; print('jinja2' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=60, check=True)

    assert answer.stdout.strip() == "False"


def test_the_colours_are_those_of_the_screens() -> None:
    """Their contrast is claimed where they come from; a colour written elsewhere would escape that claim."""
    colour = re.compile(r"--[a-z-]+: light-dark\([^)]+\);")
    style = files("milepost_runtime.reference").joinpath("static", "style.css").read_text(encoding="utf-8")
    screens = files("scoring_api.pages").joinpath("static", "milepost.css").read_text(encoding="utf-8")

    assert len(colour.findall(style)) > 10
    assert set(colour.findall(style)) <= set(colour.findall(screens))
    assert re.findall(r"#[0-9a-f]{3,8}\b", colour.sub("", style)) == []
    assert set(re.findall(r"var\((--[a-z-]+)\)", style)) <= set(re.findall(r"(--[a-z-]+):", style))
