"""The mapping of a connection: read, changed version by version, checked, tried out on a payload."""

from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Response

from ingest_webhooks.dependencies import MayAdminister, TheService
from ingest_webhooks.relay.translating import Author, Version
from ingest_webhooks.trials.trying import Payload, Placing, Trial
from ingest_webhooks.views.mappings import (
    Activation,
    EventPreview,
    FactPreview,
    FaultPreview,
    LinkPreview,
    Lint,
    LintMapping,
    MappingAnswer,
    MappingDetail,
    MappingLine,
    MappingVersions,
    MergePreview,
    NewMapping,
    Placed,
    Preview,
    RemarkAnswer,
    RuleFound,
    TriedPayload,
)
from ingest_webhooks.words.shapes import NormalEvent, Note
from milepost_runtime.idempotency import NamedRequests
from milepost_runtime.keys import Principal
from milepost_runtime.problems import Problem

router = APIRouter(prefix="/connections", tags=["connections"], route_class=NamedRequests)
IfMatch = Annotated[str | None, Header(max_length=100, description="The `ETag` of the version that you changed")]
VersionNumber = Annotated[int, Path(ge=0, le=2**31 - 1)]


@router.get("/{connection_id}/mapping", summary="Read a connection's mapping")
async def get_mapping(
    connection_id: UUID, _key: MayAdminister, service: TheService, response: Response
) -> MappingDetail:
    """Return the connection's own rules and the defaults of its source; the `ETag` names the version."""
    version, defaults = await service.translating.current(connection_id)
    response.headers["ETag"] = _etag(version.version)
    return MappingDetail(**_columns(version), defaults=dict(defaults))


@router.put("/{connection_id}/mapping", summary="Change a connection's mapping")
async def put_mapping(
    connection_id: UUID,
    wanted: NewMapping,
    key: MayAdminister,
    service: TheService,
    response: Response,
    if_match: IfMatch = None,
) -> MappingAnswer:
    """Let these rules count from now on, as a new version; send the `ETag` that you read as `If-Match`.

    What was relayed stays as it was told; a replay (`POST /replays`) corrects it by the new rules.
    """
    author = _author(key, wanted.note, if_match)
    return _answer(await service.translating.change(connection_id, wanted.rules, author), response)


@router.get("/{connection_id}/mapping/versions", summary="List the versions of a mapping")
async def list_versions(connection_id: UUID, _key: MayAdminister, service: TheService) -> MappingVersions:
    """Return all versions, newest first; the newest one counts."""
    rows = await service.translating.versions(connection_id)
    return MappingVersions(data=[MappingLine(**dict(row)) for row in rows])


@router.get("/{connection_id}/mapping/versions/{version}", summary="Read a version of a mapping")
async def get_version(
    connection_id: UUID, version: VersionNumber, _key: MayAdminister, service: TheService
) -> MappingAnswer:
    """Return one version with its rules."""
    return MappingAnswer(**_columns(await service.translating.version(connection_id, version)))


@router.post("/{connection_id}/mapping:activate", summary="Go back to a version of a mapping")
async def activate_version(
    connection_id: UUID,
    wanted: Activation,
    key: MayAdminister,
    service: TheService,
    response: Response,
    if_match: IfMatch = None,
) -> MappingAnswer:
    """Let the rules of an earlier version count again. They become a new version: the list tells what counted when."""
    author = _author(key, wanted.note or f"as version {wanted.version}", if_match)
    return _answer(await service.translating.activate(connection_id, wanted.version, author), response)


@router.post("/{connection_id}/mapping:lint", summary="Check a mapping")
async def lint_mapping(connection_id: UUID, wanted: LintMapping, _key: MayAdminister, service: TheService) -> Lint:
    """Return every mistake at once, and what is hardly meant; nothing is kept."""
    remarks = await service.translating.lint(connection_id, wanted.rules)
    valid = all(one.severity != "error" for one in remarks)
    return Lint(valid=valid, remarks=[RemarkAnswer(**asdict(one)) for one in remarks])


@router.post("/{connection_id}/test", summary="Try out a payload")
async def try_payload(connection_id: UUID, wanted: TriedPayload, _key: MayAdminister, service: TheService) -> Preview:
    """Return what a payload would become, by which rules and on which accounts; nothing is kept."""
    payload = Payload(wanted.payload, wanted.headers, wanted.rules)
    return _preview(await service.trying.attempt(connection_id, payload))


def _author(key: Principal, note: str, if_match: str | None) -> Author:
    return Author(key.name or key.id, note, _version_of(if_match))


def _version_of(if_match: str | None) -> int | None:
    """Return the version that an If-Match names; raises Problem for what is no entity tag of a mapping."""
    if if_match is None or if_match.strip() == "*":
        return None
    number = if_match.strip().strip('"')
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise Problem(412, "version_conflict", "If-Match names no version of this mapping.")
    return int(number)


def _etag(version: int) -> str:
    return f'"{version}"'


def _columns(version: Version) -> dict[str, Any]:
    return {**asdict(version), "rules": dict(version.rules)}


def _answer(version: Version, response: Response) -> MappingAnswer:
    response.headers["ETag"] = _etag(version.version)
    return MappingAnswer(**_columns(version))


def _preview(trial: Trial) -> Preview:
    said = trial.said
    placed = {id(event): _event(event, does, account_id) for event, does, account_id in trial.placed}
    by_rule = {id(event) for note in trial.notes for event in note.events}
    return Preview(
        elements=trial.elements,
        facts=[_fact(note, placed) for note in trial.notes],
        events=[one for name, one in placed.items() if name not in by_rule],
        links=[
            LinkPreview(
                reference=one.reference, account=one.account, at=one.at, primary=one.primary, removed=one.removed
            )
            for one in said.links
        ],
        merges=[MergePreview(survivor=one.survivor, merged=list(one.merged), at=one.at) for one in said.merges],
        faults=[FaultPreview(position=one.position, reason=one.reason, code=one.code or None) for one in said.faults],
        ignored=said.ignored,
    )


def _fact(note: Note, placed: dict[int, EventPreview]) -> FactPreview:
    found = RuleFound(of="own" if note.own else "default" if note.pattern else "none", pattern=note.pattern or None)
    events = [placed[id(event)] for event in note.events if id(event) in placed]
    return FactPreview(topic=note.topic, rule=found, events=events, fault=note.fault or None)


def _event(event: NormalEvent, does: Placing, account_id: UUID | None) -> EventPreview:
    return EventPreview(
        event_id=event.event_id,
        type=event.type,
        occurred_at=event.occurred_at,
        account=Placed(reference=event.reference, fallbacks=list(event.fallbacks), does=does, account_id=account_id),
        actor=event.actor,
        role=event.role,
        item=event.item,
        value=event.value_text if event.value is None else event.value,
        properties=event.properties,
    )
