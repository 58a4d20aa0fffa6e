"""A Salesforce organisation on this machine, as far as Milepost writes to it: the real one's shapes and refusals.

It checks the assertion's signature, knows only fields that were made and granted, answers 200 for collections in
which every record failed, and fails when it is told to.
"""

import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from support.serving import answer, body_of, serving

ORGANISATION = "00Dak00000HGnxbEAD"
USER = "005ak00000AbCdEAAV"
CLIENT = "3MVG9-client-of-milepost"
USERNAME = "milepost@customer.example"
DATA = "/services/data/v66.0"
KEY = "Milepost_Key__c"
BUILT_IN = {
    "Account": {"Name", "Description", "OwnerId"},
    "Task": {"Subject", "Description", "Status", "Priority", "ActivityDate", "WhatId", "OwnerId"},
}


@dataclass
class Organisation:
    """`accounts` by id with their fields; `calls` are method and path of every request that was let in.

    Accounts in `locked` cannot be written; tasks at those in `refusals` are answered with that status and code; the
    next `lost` requests break down with the work done; `limited` refuses everything for the day. `instead` is the
    answer to every collection, with nothing done.
    """

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    granted: set[str] = field(default_factory=set)
    permission_sets: dict[str, str] = field(default_factory=dict)
    assigned: set[tuple[str, str]] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    logins: list[dict[str, Any]] = field(default_factory=list)
    locked: set[str] = field(default_factory=set)
    lost: int = 0
    limited: bool = False
    instead: Any = None
    calls: list[tuple[str, str]] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)
    url: str = ""
    numbers: Any = field(default_factory=lambda: count(100))

    @property
    def settings(self) -> dict[str, Any]:
        """What an outlet to this organisation is made with."""
        who = {"organization_id": ORGANISATION, "client_id": CLIENT, "username": USERNAME}
        return who | {"login_url": self.url}

    @property
    def pem(self) -> str:
        """The private key, as an administrator would paste it."""
        private = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()).decode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        content = await body_of(receive)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if scope["path"] == "/services/oauth2/token":
            await answer(send, *self._token(parse_qs(content.decode())))
            return
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.sessions:
            await answer(send, 401, _error("Session expired or invalid", "INVALID_SESSION_ID"))
            return
        self.calls.append((scope["method"], scope["path"]))
        if self.limited:
            await answer(send, 403, _error("TotalRequests Limit exceeded.", "REQUEST_LIMIT_EXCEEDED"))
            return
        status, document = self._route(scope["method"], scope["path"], json.loads(content or b"{}"))
        if self.lost:
            self.lost -= 1
            status, document = 502, None
        await answer(send, status, document, {"Sforce-Limit-Info": "api-usage=18/5000"})

    def _token(self, form: dict[str, list[str]]) -> tuple[int, Any]:
        if form["grant_type"] == ["client_credentials"]:
            if form.get("client_secret") != ["secret-of-the-client"]:
                return 400, {"error": "invalid_client", "error_description": "invalid client credentials"}
        else:
            head, claims, signature = form["assertion"][0].split(".")
            try:
                self.key.public_key().verify(
                    _decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
                )
            except InvalidSignature:
                return 400, {"error": "invalid_grant", "error_description": "invalid assertion"}
            said = json.loads(_decoded(claims))
            self.logins.append(said)
            known = (said["iss"], said["sub"], said["aud"]) == (CLIENT, USERNAME, "https://login.salesforce.com")
            if not known or not 0 < said["exp"] - time.time() <= 180:
                return 400, {"error": "invalid_grant", "error_description": "user hasn't approved this consumer"}
        session = f"{ORGANISATION}!session{next(self.numbers)}"
        self.sessions.add(session)
        identity = f"https://login.salesforce.com/id/{ORGANISATION}/{USER}"
        return 200, {
            "access_token": session,
            "scope": "api",
            "instance_url": self.url,
            "id": identity,
            "token_type": "Bearer",
        }

    def _route(self, method: str, path: str, document: Any) -> tuple[int, Any]:  # noqa: PLR0911 - a route a return
        assert path.startswith(DATA), path
        parts = path.removeprefix(DATA + "/").split("/")
        match method, parts:
            case "PATCH", ["composite", "sobjects"]:
                return self._collection(document)
            case "POST", ["tooling", "sobjects", "CustomField"]:
                return self._field(document)
            case "GET", ["query"]:
                known = self.permission_sets.get("Milepost")
                found = [] if known is None else [{"Id": known}]
                return 200, {"totalSize": len(found), "done": True, "records": found}
            case "POST", ["sobjects", "Task"]:
                return self._task(document)
            case "POST", ["sobjects", kind]:
                return self._permission(kind, document)
            case "PATCH", ["sobjects", "Account", number]:
                return self._account(number, document)
            case "GET", ["sobjects", "Task", "describe"]:
                names = BUILT_IN["Task"] | {name.partition(".")[2] for name in self.granted if name.startswith("Task.")}
                return 200, {"name": "Task", "fields": [{"name": name} for name in sorted(names)]}
            case "GET", ["sobjects", "Task", "Milepost_Key__c", key]:
                found_id = next((number for number, one in self.tasks.items() if one[KEY] == key), None)
                missing = _error("The requested resource does not exist", "NOT_FOUND")
                return (404, missing) if found_id is None else (200, {"Id": found_id})
            case _:
                raise AssertionError((method, path))

    def _collection(self, document: Any) -> tuple[int, Any]:
        records = document["records"]
        self.batches.append([one["id"] for one in records])
        if len(records) > 200:
            return 400, _error("The number of records exceeds 200", "INVALID_INPUT")
        assert document["allOrNone"] is False
        if self.instead is not None:
            return 200, self.instead
        return 200, [self._one(record) for record in records]

    def _one(self, record: dict[str, Any]) -> dict[str, Any]:
        told = {name: value for name, value in record.items() if name not in ("attributes", "id")}
        fault = self._fault("Account", record["id"], told)
        if fault is not None:
            return {"success": False, "errors": [{"statusCode": fault[0], "message": fault[1], "fields": []}]}
        self.accounts[record["id"]] |= told
        return {"id": record["id"], "success": True, "errors": []}

    def _fault(self, kind: str, number: str, told: dict[str, Any]) -> tuple[str, str] | None:
        strange = [name for name in told if name not in BUILT_IN[kind] and f"{kind}.{name}" not in self.granted]
        if strange:
            text = "Unable to create/update fields: " + ", ".join(strange)
            return "INVALID_FIELD_FOR_INSERT_UPDATE", text
        if kind == "Account" and number not in self.accounts:
            return "ENTITY_IS_DELETED", "entity is deleted"
        if number in self.locked:
            return "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"
        return None

    def _account(self, number: str, told: dict[str, Any]) -> tuple[int, Any]:
        strange = [name for name in told if name not in BUILT_IN["Account"] and f"Account.{name}" not in self.granted]
        if strange:
            return 400, _error(f"No such column '{strange[0]}' on sobject of type Account", "INVALID_FIELD")
        if number not in self.accounts:
            return 404, _error("Provided external ID field does not exist or is not accessible", "NOT_FOUND")
        self.accounts[number] |= told
        return 204, None

    def _task(self, told: dict[str, Any]) -> tuple[int, Any]:
        if told["WhatId"] in self.refusals:
            status, code = self.refusals[told["WhatId"]]
            return status, _error(f"as the test says: {code}", code)
        fault = self._fault("Task", "", told)
        if fault is not None:
            return 400, _error(f"No such column '{KEY}' on sobject of type Task", "INVALID_FIELD")
        if any(one[KEY] == told[KEY] for one in self.tasks.values()):
            return 400, _error(f"duplicate value found: {KEY} duplicates value on record", "DUPLICATE_VALUE")
        number = f"00Tak{next(self.numbers):010d}AAA"
        self.tasks[number] = told
        return 201, {"id": number, "success": True, "errors": []}

    def _field(self, document: Any) -> tuple[int, Any]:
        name = document["FullName"]
        if name in self.fields:
            return 400, _error(f"There is already a field named {name}.", "DUPLICATE_DEVELOPER_NAME")
        self.fields.add(name)
        return 201, {"id": f"00Nak{next(self.numbers):010d}", "success": True, "errors": []}

    def _permission(self, kind: str, told: dict[str, Any]) -> tuple[int, Any]:
        number = f"0PSak{next(self.numbers):010d}"
        match kind:
            case "PermissionSet":
                self.permission_sets[told["Name"]] = number
            case "FieldPermissions":
                if told["Field"].replace("Task.", "Activity.") not in self.fields:
                    return 400, _error(
                        f"Field Name: bad value: {told['Field']}", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
                    )
                assert told["ParentId"] in self.permission_sets.values()
                assert told["PermissionsEdit"]
                if told["Field"] in self.granted:
                    return 400, _error("duplicate value found", "DUPLICATE_VALUE")
                self.granted.add(told["Field"])
            case _:
                pair = (told["AssigneeId"], told["PermissionSetId"])
                if pair in self.assigned:
                    return 400, _error("duplicate value found", "DUPLICATE_VALUE")
                self.assigned.add(pair)
        return 201, {"id": number, "success": True, "errors": []}


def _error(message: str, code: str) -> list[dict[str, Any]]:
    return [{"message": message, "errorCode": code}]


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@contextlib.asynccontextmanager
async def salesforce_org() -> AsyncIterator[Organisation]:
    """Serve an organisation until the end of the block."""
    organisation = Organisation()
    async with serving(organisation) as url:
        organisation.url = url
        yield organisation
