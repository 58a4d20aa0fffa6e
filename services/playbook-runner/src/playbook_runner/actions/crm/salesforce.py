"""Salesforce: health as fields of accounts in collections, tasks on an account; it decides nothing about accounts.

A collection answers 200 even if every record failed, so each is read. Salesforce knows no idempotency key: a task
carries ours in a unique external id, by which a lost answer is asked after; it is created, never upserted, as that
would undo what people did with it since. A note is a task that is completed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from playbook_runner.actions.crm.answers import (
    Declined,
    Entry,
    Figures,
    Later,
    MissingProperty,
    Order,
    Trouble,
    Unclear,
    Verdict,
    Written,
    name_in,
    object_in,
    objects_in,
)
from playbook_runner.actions.crm.calling import Answer, CrmLine, MayWrite, Question

KEY: Final = "Milepost_Key__c"
PRIORITIES: Final = {"high": "High", "normal": "Normal", "low": "Low"}
MOST_SUBJECT, MOST_TEXT = 255, 32_000
NOTHING_TO_SAY = 204
LIMITED_S, LOCKED_S, AWAY_S = 900.0, 5.0, 30.0
# By what they are called over there: wait and try again; mend the connection; the field is not there, or not for us.
WAITS: Final = {
    "REQUEST_LIMIT_EXCEEDED": LIMITED_S,
    "UNABLE_TO_LOCK_ROW": LOCKED_S,
    "SERVER_UNAVAILABLE": AWAY_S,
    "STORAGE_LIMIT_EXCEEDED": LIMITED_S,
}
NO_FIELD: Final = frozenset({"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE"})
UNFIT: Final = frozenset({"INVALID_SESSION_ID", "INSUFFICIENT_ACCESS", "API_DISABLED_FOR_ORG", "INVALID_LOGIN"})
# What is said of the whole organisation, or of who we are; the rest is about the record of one call.
OF_EVERYTHING: Final = frozenset(
    {
        "REQUEST_LIMIT_EXCEEDED",
        "SERVER_UNAVAILABLE",
        "STORAGE_LIMIT_EXCEEDED",
        "INVALID_SESSION_ID",
        "API_DISABLED_FOR_ORG",
        "INVALID_LOGIN",
    }
)
TAKEN: Final = "DUPLICATE_VALUE"
THERE: Final = frozenset({"DUPLICATE_DEVELOPER_NAME", TAKEN})


@dataclass(frozen=True)
class Salesforce:
    """One organisation, by the API of one version such as `v66.0`."""

    line: CrmLine
    version: str = "v66.0"

    @property
    def most_records(self) -> int:
        """A collection holds two hundred."""
        return 200

    @property
    def data(self) -> str:
        """Where the REST API is."""
        return f"/services/data/{self.version}"

    async def write_health(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Write five fields of each account."""
        records = [
            {"attributes": {"type": "Account"}, "id": one.record_id, **fields_of(one.figures)} for one in entries
        ]
        document = {"allOrNone": False, "records": records}
        answer = await self.line.call(Question("PATCH", f"{self.data}/composite/sobjects", document))
        _taken(answer)
        results = answer.body if isinstance(answer.body, list) else []
        if len(results) != len(entries):
            raise Unclear(f"Salesforce answered for {len(results)} of {len(entries)} accounts")
        return [_verdict(one) for one in results]

    async def ready(self) -> None:
        """Have a pass at hand."""
        await self.line.ready()

    async def set_fields(self, order: Order, may_write: MayWrite) -> None:
        """Set fields of an account; null clears."""
        place = f"{self.data}/sobjects/Account/{order.record_id}"
        fields = {name: value or None for name, value in order.fields.items()}
        answer = await self.line.call(Question("PATCH", place, fields), may_write)
        _taken(answer)
        if answer.status != NOTHING_TO_SAY and object_in(answer.body).get("success") is not True:
            raise Unclear(f"Salesforce's answer ({answer.status}) could not be read")

    async def make(self, order: Order, may_write: MayWrite) -> str:
        """Make a task on an account, open or completed."""
        answer = await self.line.call(Question("POST", f"{self.data}/sobjects/Task", _task(order)), may_write)
        _taken(answer)
        return name_in(answer.body, "id", "Salesforce")

    async def made(self, order: Order) -> str | None:
        """Look for the key."""
        place = f"{self.data}/sobjects/Task/{KEY}/{order.key}"
        answer = await self.line.call(Question("GET", place, params={"fields": "Id"}))
        if answer.status == 404 and any(code == "NOT_FOUND" for code, _ in _errors(answer)):
            # The same word for a field that is not there: then nobody knows.
            return None if await self._knows_key() else _unknowable()
        _taken(answer)
        return name_in(answer.body, "Id", "Salesforce")

    async def _knows_key(self) -> bool:
        answer = await self.line.call(Question("GET", f"{self.data}/sobjects/Task/describe"))
        return any(one.get("name") == KEY for one in _listed(answer, "fields"))

    async def set_up(self) -> dict[str, str]:
        """Make the fields that are missing, and a permission set that lets us (and nobody else) write them.

        A field made over the API is visible to nobody until somebody is allowed to see it.
        """
        done = {}
        for name, metadata in FIELDS.items():
            document = {"FullName": name, "Metadata": metadata}
            done[name] = await self._made_once(f"{self.data}/tooling/sobjects/CustomField", document)
        permissions = await self._permission_set()
        for name in FIELDS:
            kind, field = name.replace("Activity.", "Task.").split(".")
            grant = {"ParentId": permissions, "SobjectType": kind, "Field": f"{kind}.{field}"}
            grant_too = {"PermissionsRead": True, "PermissionsEdit": True}
            place = f"{self.data}/sobjects/FieldPermissions"
            done[f"may write {kind}.{field}"] = await self._made_once(place, grant | grant_too)
        ours = {"AssigneeId": await self.line.user(), "PermissionSetId": permissions}
        done["permission set Milepost"] = await self._made_once(f"{self.data}/sobjects/PermissionSetAssignment", ours)
        return done

    async def _permission_set(self) -> str:
        question = "SELECT Id FROM PermissionSet WHERE Name = 'Milepost'"
        known = _listed(await self.line.call(Question("GET", f"{self.data}/query", params={"q": question})), "records")
        if known:
            return name_in(known[0], "Id", "Salesforce")
        document = {"Name": "Milepost", "Label": "Milepost"}
        made = await self.line.call(Question("POST", f"{self.data}/sobjects/PermissionSet", document))
        _taken(made)
        return name_in(made.body, "id", "Salesforce")

    async def _made_once(self, place: str, document: Mapping[str, Any]) -> str:
        answer = await self.line.call(Question("POST", place, dict(document)))
        if not answer.fine and any(code in THERE for code, _ in _errors(answer)):
            return "there"
        _taken(answer)
        name_in(answer.body, "id", "Salesforce")
        return "made"


def fields_of(figures: Figures | None) -> dict[str, Any]:
    """Return the fields of an account; null clears."""
    if figures is None:
        return {name.removeprefix("Account."): None for name in FIELDS if name.startswith("Account.")}
    return {
        "Milepost_Score__c": figures.score,
        "Milepost_Band__c": figures.band,
        "Milepost_Top_Reason__c": figures.reason,
        "Milepost_Model__c": figures.model,
        "Milepost_Computed_At__c": _stamp(figures.computed_at),
    }


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _task(order: Order) -> dict[str, Any]:
    fields = order.fields
    note = order.writes == "note"
    told: dict[str, Any] = {
        "Subject": (fields.get("subject") or "Note by Milepost")[:MOST_SUBJECT],
        "Description": fields.get("body", "")[:MOST_TEXT],
        "Status": "Completed" if note else "Not Started",
        "Priority": PRIORITIES[fields.get("priority", "normal")],
        # A day, not a moment.
        "ActivityDate": fields["at" if note else "due"][:10],
        "WhatId": order.record_id,
        KEY: order.key,
    }
    return told | ({"OwnerId": fields["owner"]} if fields.get("owner") else {})


def _unknowable() -> str | None:
    raise MissingProperty(f"Salesforce has no field {KEY}, so it cannot be asked; `milepost crm setup` makes it")


def _verdict(found: Any) -> Verdict:
    """Read one record's answer; inside collections the word is `statusCode`."""
    if not isinstance(found, dict):
        return Later("Salesforce's answer for this account could not be read")
    if found.get("success") is True:
        return Written()
    errors = objects_in(found.get("errors"))
    told = "; ".join(f"{one.get('statusCode')}: {one.get('message')}" for one in errors)[:300] or "refused"
    codes = {str(one.get("statusCode")) for one in errors}
    if codes & NO_FIELD:
        raise MissingProperty(f"Salesforce answered {told}; `milepost crm setup` makes our fields")
    waits = [WAITS[code] for code in codes if code in WAITS]
    return Later(told, max(waits)) if waits else Declined(told)


def _errors(answer: Answer) -> list[tuple[str, str]]:
    """Return code and message of each error; at the top level the word is `errorCode`."""
    found = objects_in(answer.body if isinstance(answer.body, list) else [answer.body])
    coded = ((one.get("errorCode") or one.get("error"), one) for one in found)
    return [(str(code), str(one.get("message") or "")) for code, one in coded if code]


def _listed(answer: Answer, name: str) -> list[Mapping[str, Any]]:
    """Return the objects that a success lists. Raises what its answer means, and Unclear for what lists nothing."""
    _taken(answer)
    listed = object_in(answer.body).get(name)
    if not isinstance(listed, list):
        raise Unclear(f"Salesforce's answer ({answer.status}) could not be read")
    return objects_in(listed)


def _taken(answer: Answer) -> None:
    """Raise what an answer means that is no success."""
    if answer.fine:
        return
    errors = _errors(answer)
    words = "; ".join(f"{code}: {text}" for code, text in errors)[:300]
    told = f"Salesforce answered {answer.status} {words or 'without a word of why'}"
    codes = {code for code, _ in errors}
    raise Trouble(
        answer.status,
        told,
        wait_s=max((WAITS[code] for code in codes & WAITS.keys()), default=None),
        missing=f"{told}; `milepost crm setup` makes our fields" if codes & NO_FIELD else "",
        unfit=bool(codes & UNFIT),
        everyone=bool(codes & OF_EVERYTHING),
        key_taken=TAKEN in codes,
        its_own=bool(errors),
    ).judged()


def _text(label: str, length: int) -> dict[str, Any]:
    return {"type": "Text", "label": label, "length": length, "required": False}


FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Account.Milepost_Score__c": {
        "type": "Number", "label": "Milepost score", "precision": 4, "scale": 1, "required": False,
    },
    "Account.Milepost_Band__c": _text("Milepost band", 12),
    "Account.Milepost_Top_Reason__c": _text("Milepost top reason", 255),
    "Account.Milepost_Model__c": _text("Milepost score model", 120),
    "Account.Milepost_Computed_At__c": {"type": "DateTime", "label": "Milepost score computed at", "required": False},
    # Custom fields of tasks and events belong to what both are made of.
    "Activity.Milepost_Key__c": _text("Milepost key", 64) | {"externalId": True, "unique": True},
}  # fmt: skip
