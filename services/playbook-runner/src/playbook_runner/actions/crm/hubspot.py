"""HubSpot: health as company properties in batches, tasks and notes on a company; it decides nothing about accounts.

HubSpot knows no idempotency key, so every task and note carries ours in a unique property of its own: by it a lost
answer is asked after, and a second one is refused over there. What one wrong record spoils for a whole batch (400) is
written in halves until the wrong one is alone.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from playbook_runner.actions.crm.answers import (
    Busy,
    Declined,
    Entry,
    Figures,
    Later,
    Order,
    Refused,
    Trouble,
    Unclear,
    Unfit,
    Verdict,
    Written,
    name_in,
    object_in,
    objects_in,
)
from playbook_runner.actions.crm.calling import Answer, CrmLine, MayWrite, Question, always

KEY: Final = "milepost_key"
COMPANY_TYPES: Final = {"task": 192, "note": 190}
PLURAL: Final = {"task": "tasks", "note": "notes"}
PRIORITIES: Final = {"high": "HIGH", "normal": "MEDIUM", "low": "LOW"}
KINDS: Final = {"todo": "TODO", "call": "CALL", "email": "EMAIL"}
MOST_NOTE: Final = 65_536
INTERVAL_S, DAILY_S, LOCKED_S = 10.0, 3600.0, 2.0
NOT_FOUND, CONFLICT, LIMITED, LOCKED, MIGRATING = 404, 409, 429, 423, 477
SILENT_TRIES: Final = 5


@dataclass(frozen=True)
class Hubspot:
    """One portal. `version` is `v3` or `v4`, or a dated one, which stands at another place in the path."""

    line: CrmLine
    version: str = "v3"

    @property
    def most_records(self) -> int:
        """A batch holds a hundred."""
        return 100

    def objects(self, kind: str) -> str:
        """Return where objects of a kind are."""
        dated = not self.version.startswith("v")
        return f"/crm/objects/{self.version}/{kind}" if dated else f"/crm/{self.version}/objects/{kind}"

    def properties(self, kind: str) -> str:
        """Return where the properties of a kind are."""
        dated = not self.version.startswith("v")
        return f"/crm/properties/{self.version}/{kind}" if dated else f"/crm/{self.version}/properties/{kind}"

    async def write_health(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Write five properties of each company."""
        inputs = [{"id": one.record_id, "properties": properties_of(one.figures)} for one in entries]
        try:
            body = await self._asked(Question("POST", f"{self.objects('companies')}/batch/update", {"inputs": inputs}))
        except Refused as error:
            if len(entries) == 1:
                return [Declined(str(error))]
            half = len(entries) // 2
            return await self._part(entries[:half]) + await self._part(entries[half:])
        if not isinstance(body.get("results"), list):
            raise Unclear("HubSpot's answer could not be read: it names no results")
        return _verdicts(entries, body)

    async def _part(self, entries: Sequence[Entry]) -> list[Verdict]:
        """Write a part of what was refused together; what gets no turn comes later, the rest has its verdict."""
        try:
            return await self.write_health(entries)
        except Busy as error:
            return [Later(str(error), error.after_s)] * len(entries)

    async def ready(self) -> None:
        """Have a pass at hand."""
        await self.line.ready()

    async def set_fields(self, order: Order, may_write: MayWrite) -> None:
        """Set properties of a company."""
        place = f"{self.objects('companies')}/{order.record_id}"
        written = await self._asked(Question("PATCH", place, {"properties": dict(order.fields)}), may_write)
        name_in(written, "id", "HubSpot")

    async def make(self, order: Order, may_write: MayWrite) -> str:
        """Make a task or a note on a company."""
        made = await self._asked(Question("POST", self.objects(PLURAL[order.writes]), _document(order)), may_write)
        return name_in(made, "id", "HubSpot")

    async def made(self, order: Order) -> str | None:
        """Look for the key."""
        place = f"{self.objects(PLURAL[order.writes])}/{order.key}"
        answer = await self.line.call(Question("GET", place, params={"idProperty": KEY}))
        if answer.status == NOT_FOUND:
            said = object_in(answer.body)
            if said.get("status") == "error" or said.get("category") == "OBJECT_NOT_FOUND":
                return None
            raise Unclear("a 404 that is not HubSpot's own does not say whether it is there")
        return name_in(_body(answer), "id", "HubSpot")

    async def _asked(self, question: Question, may_write: MayWrite = always) -> Mapping[str, Any]:
        return _body(await self.line.call(question, may_write))

    async def set_up(self) -> dict[str, str]:
        """Make the group and the properties that are missing."""
        done: dict[str, str] = {}
        for kind, wanted in PROPERTIES.items():
            group = {"name": "milepost", "label": "Milepost"}
            await self._made_once(f"{self.properties(kind)}/groups", group)
            for one in wanted:
                new = await self._made_once(self.properties(kind), {**one, "groupName": "milepost"})
                if not new:
                    await self._same_type(kind, one)
                done[f"{kind}.{one['name']}"] = "made" if new else "there"
        return done

    async def _made_once(self, place: str, document: Mapping[str, Any]) -> bool:
        answer = await self.line.call(Question("POST", place, dict(document)))
        if answer.status == CONFLICT and isinstance(answer.body, dict):
            return False
        _body(answer)
        return True

    async def _same_type(self, kind: str, wanted: Mapping[str, Any]) -> None:
        present = await self._asked(Question("GET", f"{self.properties(kind)}/{wanted['name']}"))
        if present.get("type") != wanted["type"]:
            told = f"{kind}.{wanted['name']} is there as {present.get('type')}, not as {wanted['type']}"
            raise Unfit(f"{told}: rename or remove it in HubSpot")


def properties_of(figures: Figures | None) -> dict[str, str]:
    """Return the properties; HubSpot reads every value as text, and an empty one clears."""
    if figures is None:
        return {str(one["name"]): "" for one in PROPERTIES["companies"]}
    return {
        "milepost_score": "" if figures.score is None else f"{figures.score:.1f}",
        "milepost_band": figures.band,
        "milepost_top_reason": figures.reason,
        "milepost_model": figures.model,
        "milepost_computed_at": _stamp(figures.computed_at),
    }


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _document(order: Order) -> dict[str, Any]:
    """Return a task or a note with its company; text becomes HTML, as HubSpot shows it so."""
    fields = order.fields
    body = html.escape(fields.get("body", ""), quote=False).replace("\n", "<br>")
    if order.writes == "note":
        told = {"hs_note_body": body[:MOST_NOTE], "hs_timestamp": fields["at"]}
    else:
        told = {
            "hs_task_subject": fields["subject"],
            "hs_task_body": body,
            "hs_timestamp": fields["due"],
            "hs_task_status": "NOT_STARTED",
            "hs_task_priority": PRIORITIES[fields.get("priority", "normal")],
            "hs_task_type": KINDS[fields.get("type", "todo")],
        }
    if fields.get("owner"):
        told["hubspot_owner_id"] = fields["owner"]
    kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": COMPANY_TYPES[order.writes]}
    return {
        "properties": told | {KEY: order.key},
        "associations": [{"to": {"id": order.record_id}, "types": [kind]}],
    }


def _verdicts(entries: Sequence[Entry], body: Mapping[str, Any]) -> list[Verdict]:
    """Read a batch's answer, 200 or 207: what is in `results` was written, what an error names was not."""
    written = {str(one.get("id")) for one in objects_in(body.get("results"))}
    refused: dict[str, str] = {}
    for error in objects_in(body.get("errors")):
        ids = object_in(error.get("context")).get("ids")
        told = str(error.get("message") or error.get("category") or "refused")
        refused.update((str(one), told) for one in (ids if isinstance(ids, list) else ()))
    found: list[Verdict] = []
    for one in entries:
        if one.record_id in written:
            found.append(Written())
        elif one.record_id in refused:
            found.append(Declined(refused[one.record_id][:300]))
        else:
            # One that was merged away may be answered for under the other's id, however often it is told.
            found.append(Later("HubSpot's answer does not speak of this company", tries=SILENT_TRIES))
    return found


def _body(answer: Answer) -> Mapping[str, Any]:
    """Return what a call brought. Raises what its answer means."""
    its_own, body = isinstance(answer.body, dict), object_in(answer.body)
    if answer.fine and not its_own:
        raise Unclear(f"HubSpot's answer ({answer.status}) could not be read")
    if answer.fine:
        return body
    message = str(body.get("message") or "no word of why")[:300]
    told = f"HubSpot answered {answer.status}: {message} (correlation {body.get('correlationId') or 'unknown'})"
    wanted = object_in(body.get("context")).get("requiredGranularScopes")
    scopes = wanted if isinstance(wanted, list) else ()
    raise Trouble(
        answer.status,
        f"{told}; scopes that are missing: {', '.join(map(str, scopes))}" if scopes else told,
        wait_s=_asked_wait(answer, body) if answer.status in (LIMITED, LOCKED, MIGRATING) else None,
        missing=_missing(body),
        everyone=answer.status in (LIMITED, MIGRATING),
        # It has no word for a key that is taken.
        key_taken=True,
        its_own=its_own,
    ).judged()


def _missing(body: Mapping[str, Any]) -> str:
    errors = objects_in(body.get("errors"))
    missing = {str(error.get("message")) for error in errors if error.get("code") == "PROPERTY_DOESNT_EXIST"}
    return f"{'; '.join(sorted(missing))[:300]} (HubSpot; `milepost crm setup` makes ours)" if missing else ""


def _asked_wait(answer: Answer, body: Mapping[str, Any]) -> float:
    """Return the seconds to wait: as told where it is told, else by the limit that was met.

    No `Retry-After` comes with 429. The day of a portal ends at its own midnight, which nobody told us.
    """
    if answer.retry_after_s is not None:
        return answer.retry_after_s
    if answer.status == LOCKED:
        return LOCKED_S
    if body.get("policyName") == "DAILY":
        return DAILY_S
    interval = answer.headers.get("x-hubspot-ratelimit-interval-milliseconds", "")
    return int(interval) / 1000 if interval.isdigit() and int(interval) else INTERVAL_S


def _text(name: str, label: str, field: str = "text") -> dict[str, Any]:
    return {"name": name, "label": label, "type": "string", "fieldType": field}


_BANDS: Final = (("green", "On track"), ("yellow", "Watch"), ("red", "At risk"), ("unknown", "Unknown"))
_OWN_KEY: Final = _text(KEY, "Milepost key") | {"hasUniqueValue": True, "hidden": True, "formField": False}
PROPERTIES: Final[Mapping[str, Sequence[Mapping[str, Any]]]] = {
    "companies": (
        {"name": "milepost_score", "label": "Milepost score", "type": "number", "fieldType": "number"},
        {
            "name": "milepost_band",
            "label": "Milepost band",
            "type": "enumeration",
            "fieldType": "select",
            "options": [
                {"label": label, "value": value, "displayOrder": place, "hidden": False}
                for place, (value, label) in enumerate(_BANDS)
            ],
        },
        _text("milepost_top_reason", "Milepost top reason", "textarea"),
        _text("milepost_model", "Milepost score model"),
        {
            "name": "milepost_computed_at",
            "label": "Milepost score computed at",
            "type": "datetime",
            "fieldType": "date",
        },
    ),
    "tasks": (_OWN_KEY,),
    "notes": (_OWN_KEY,),
}
