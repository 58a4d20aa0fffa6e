"""A HubSpot portal on this machine, as far as Milepost writes to it: the shapes that the real one answers with.

It keeps companies, tasks, notes and properties; refuses whole batches for one wrong record as HubSpot does; wants a
token that it has given; and fails when it is told to.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from support.serving import answer, body_of, serving

PORTAL = 4711
BUILT_IN = {"name": "string", "domain": "string", "hubspot_owner_id": "string", "renewal_note": "string"}


@dataclass
class Portal:
    """`companies` by id with their properties; `calls` are method and path of every request that was let in.

    The next `limited` requests are told to wait, after the next `lost` ones it breaks down with the work done. Tokens
    are given out once `token_gate` is open; with `rotates` each brings the next refresh token, and the one before is
    good no more. The next tasks and notes are answered by the statuses in `broken`, with nothing done. Batches are
    carried out once `batch_gate` is open, and counted in `batches_asked` before. Companies that were `merged` away, by
    id, are answered for under the id of the one that lives on. Status and body in `instead` are the answer to every
    batch, with nothing done.
    """

    companies: dict[str, dict[str, str]] = field(default_factory=dict)
    things: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {"tasks": {}, "notes": {}})
    properties: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=lambda: {"pat-eu1-first-token"})
    refresh_token: str = "refresh-token-1"
    granted: int = 0
    token_asked: int = 0
    token_gate: asyncio.Event = field(default_factory=asyncio.Event)
    rotates: bool = False
    missing_scope: str = ""
    policy: str = "TEN_SECONDLY_ROLLING"
    limited: int = 0
    lost: int = 0
    broken: list[int] = field(default_factory=list)
    batch_gate: asyncio.Event = field(default_factory=asyncio.Event)
    batches_asked: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    merged: dict[str, str] = field(default_factory=dict)
    instead: tuple[int, Any] | None = None
    calls: list[tuple[str, str]] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)
    url: str = ""
    numbers: Any = field(default_factory=lambda: count(170_000_001))

    def __post_init__(self) -> None:
        self.token_gate.set()
        self.batch_gate.set()
        for kind in ("companies", "tasks", "notes"):
            self.properties.setdefault(kind, {name: {"name": name, "type": text} for name, text in BUILT_IN.items()})

    @property
    def settings(self) -> dict[str, Any]:
        """What an outlet to this portal is made with."""
        return {"portal_id": PORTAL, "api_url": self.url}

    def company(self, number: int) -> str:
        """Let a company be here; return the reference that leads to it."""
        self.companies[str(number)] = {"name": f"Company {number}"}
        return f"hubspot:{PORTAL}:{number}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        content = await body_of(receive)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if scope["path"] == "/oauth/v1/token":
            self.token_asked += 1
            granted = self._token(parse_qs(content.decode()))
            await self.token_gate.wait()
            await answer(send, *granted)
            return
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            await answer(send, 401, _error("Authentication credentials not found.", "INVALID_AUTHENTICATION"))
            return
        self.calls.append((scope["method"], scope["path"]))
        if self.limited:
            self.limited -= 1
            await answer(send, 429, _limit(self.policy), {"X-HubSpot-RateLimit-Interval-Milliseconds": "10000"})
            return
        query = parse_qs(scope["query_string"].decode())
        if scope["path"].endswith("/batch/update"):
            self.batches_asked.release()
            await self.batch_gate.wait()
        status, document = self._route(scope["method"], scope["path"], query, json.loads(content or b"{}"))
        if self.lost:
            self.lost -= 1
            status, document = 502, {"status": "error", "message": "Bad gateway"}
        await answer(send, status, document)

    def _token(self, form: dict[str, list[str]]) -> tuple[int, Any]:
        if form.get("refresh_token") != [self.refresh_token] or form.get("grant_type") != ["refresh_token"]:
            return 400, {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}
        self.granted += 1
        # Tokens have grown over the years; this one is longer than many columns.
        token = f"access-{self.granted}-" + "x" * 600
        self.tokens.add(token)
        if self.rotates:
            self.refresh_token = f"refresh-token-{self.granted + 1}"
        return 200, {
            "token_type": "bearer",
            "refresh_token": self.refresh_token,
            "access_token": token,
            "expires_in": 1800,
        }

    def _route(self, method: str, path: str, query: dict[str, list[str]], document: Any) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        if parts[:3] == ["crm", "v3", "properties"]:
            return self._properties(method, parts[3], parts[4:], document)
        assert parts[:3] == ["crm", "v3", "objects"], path
        if self.missing_scope:
            wanted = {"requiredGranularScopes": [self.missing_scope]}
            text = "One or more of the following scopes are required."
            return 403, _error(text, "MISSING_SCOPES", context=wanted)
        kind, rest = parts[3], parts[4:]
        if rest == ["batch", "update"]:
            return self._batch(document["inputs"])
        if kind == "companies":
            return self._company(rest[0], document)
        if method == "POST":
            return self._make(kind, document)
        return self._find(kind, rest[0], query)

    def _properties(self, method: str, kind: str, rest: list[str], document: Any) -> tuple[int, Any]:
        known = self.properties[kind]
        if rest == ["groups"]:
            there = f"{kind}.{document['name']}" in self.groups
            self.groups.add(f"{kind}.{document['name']}")
            return (409, _error("A group of this name exists.", "CONFLICT")) if there else (201, document)
        if method == "GET":
            return 200, known[rest[0]]
        if f"{kind}.{document['groupName']}" not in self.groups:
            return 400, _error("Property group does not exist", "VALIDATION_ERROR")
        if document["name"] in known:
            return 409, _error(f"Property {document['name']} already exists", "OBJECT_ALREADY_EXISTS")
        known[document["name"]] = document
        return 201, document

    def _batch(self, inputs: list[dict[str, Any]]) -> tuple[int, Any]:
        self.batches.append([one["id"] for one in inputs])
        if self.instead is not None:
            return self.instead
        inputs = [one | {"id": self.merged.get(one["id"], one["id"])} for one in inputs]
        ids = [one["id"] for one in inputs]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            text = f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique"
            return 400, _error(text, "VALIDATION_ERROR", context={"ids": twice})
        if len(ids) > 100:
            return 400, _error("Batch size exceeds the limit of 100", "VALIDATION_ERROR")
        wrong = next((fault for one in inputs if (fault := self._fault("companies", one["properties"]))), None)
        if wrong is not None:
            return 400, wrong
        known = [one for one in inputs if one["id"] in self.companies]
        for one in known:
            self.companies[one["id"]] |= one["properties"]
        body: dict[str, Any] = {
            "status": "COMPLETE",
            "startedAt": "2026-03-02T09:00:00.000Z",
            "completedAt": "2026-03-02T09:00:00.082Z",
            "results": [_object(one["id"], self.companies[one["id"]]) for one in known],
        }
        unknown = [one for one in ids if one not in self.companies]
        if not unknown:
            return 200, body
        text = "Could not get some COMPANY objects, they may be deleted or not exist. Check that ids are valid."
        error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": text, "context": {"ids": unknown}}
        return 207, body | {"errors": [error], "numErrors": 1}

    def _company(self, number: str, document: Any) -> tuple[int, Any]:
        if number not in self.companies:
            return 404, _error("resource not found", "OBJECT_NOT_FOUND")
        fault = self._fault("companies", document["properties"])
        if fault is not None:
            return 400, fault
        self.companies[number] |= document["properties"]
        return 200, _object(number, self.companies[number])

    def _make(self, kind: str, document: Any) -> tuple[int, Any]:
        if self.broken:
            return self.broken.pop(0), _error("Something went wrong.", "VALIDATION_ERROR")
        told = document["properties"]
        fault = self._fault(kind, {name: value for name, value in told.items() if not name.startswith("hs_")})
        if fault is not None:
            return 400, fault
        if any(one["properties"].get("milepost_key") == told["milepost_key"] for one in self.things[kind].values()):
            return 409, _error("A object with that unique value exists already.", "CONFLICT")
        number = str(next(self.numbers))
        self.things[kind][number] = document
        return 201, _object(number, told)

    def _find(self, kind: str, key: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        assert query == {"idProperty": ["milepost_key"]}, query
        for number, one in self.things[kind].items():
            if one["properties"]["milepost_key"] == key:
                return 200, _object(number, one["properties"])
        return 404, _error("resource not found", "OBJECT_NOT_FOUND")

    def _fault(self, kind: str, properties: dict[str, str]) -> Any:
        known = self.properties[kind]
        strange = [name for name in properties if name not in known]
        if strange:
            errors = [
                {"message": f'Property "{name}" does not exist', "code": "PROPERTY_DOESNT_EXIST",
                 "context": {"propertyName": [name]}}
                for name in strange
            ]  # fmt: skip
            return _error("Property values were not valid: […]", "VALIDATION_ERROR", errors=errors)
        for name, value in properties.items():
            options = [one["value"] for one in known[name].get("options", [])]
            if options and value and value not in options:
                return _error(f"{value} was not one of the allowed options: {options}", "VALIDATION_ERROR")
            if not isinstance(value, str):
                return _error(f"{name} is not text", "VALIDATION_ERROR")
        return None


def _object(number: str, properties: dict[str, str]) -> dict[str, Any]:
    return {
        "id": number,
        "properties": {"hs_object_id": number, **properties},
        "createdAt": "2025-11-04T03:44:52.657Z",
        "updatedAt": "2026-03-02T09:00:00.802Z",
        "archived": False,
    }


def _error(message: str, category: str, **more: Any) -> dict[str, Any]:
    correlation = "9c5760c4-2c71-4059-897d-cf20a1ce1523"
    return {"status": "error", "message": message, "correlationId": correlation, "category": category, **more}


def _limit(policy: str) -> dict[str, Any]:
    text = "You have reached your limit."
    return {"status": "error", "message": text, "errorType": "RATE_LIMIT", "policyName": policy,
            "correlationId": "c033cdaa-2c40-4a64-ae48-b4cec88dad24"}  # fmt: skip


@contextlib.asynccontextmanager
async def hubspot_portal() -> AsyncIterator[Portal]:
    """Serve a portal until the end of the block."""
    portal = Portal()
    async with serving(portal) as url:
        portal.url = url
        yield portal
