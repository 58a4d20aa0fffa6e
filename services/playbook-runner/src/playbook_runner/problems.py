"""Which fact becomes which answer: one table from our errors to RFC 9457 problems; it raises nothing itself."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from milepost_core.arbiter import PolicyInvalid
from milepost_core.effects import IllegalMove
from milepost_runtime.guard import UrlRefused
from milepost_runtime.problems import Problem
from playbook_runner.arbiter.policies import HolidayUnknown, PolicyUnknown
from playbook_runner.arbiter.suppressing import SuppressionRefused, SuppressionUnknown
from playbook_runner.clients.scoring import AccountGone, HealthAway, QuestionRefused
from playbook_runner.connections.admitting import NoCrm
from playbook_runner.connections.connecting import OutletShut, OutletTaken, OutletUnfit, OutletUnknown
from playbook_runner.connections.setting_up import SetUpFailed
from playbook_runner.documents.checking import PlaybookDocumentInvalid
from playbook_runner.documents.keeping import NotInForce, PlaybookUnknown, VersionTaken
from playbook_runner.documents.sampling import NotOurs, NotSendable, StepUnknown
from playbook_runner.effects.resending import NotSentAgain, ReceiverUnknown
from playbook_runner.effects.resolving import EffectUnknown, ResendRefused, RunEnded, RunUnknown
from playbook_runner.in_app.showing import MessageUnknown, TokenRefused
from playbook_runner.people.approving import ApprovalEnded, ApprovalUnknown, EditRefused
from playbook_runner.people.calendars import RegionUnknown
from playbook_runner.people.rostering import AbsenceUnknown, PersonRefused, PersonUnknown
from playbook_runner.people.tending import HandOverRefused, SnoozeRefused, TaskEnded, TaskTaken, TaskUnknown
from playbook_runner.rehearsal.rehearsing import SpanRefused
from playbook_runner.runs.by_hand import NotStarted
from playbook_runner.wording.ways_out import WayOutUnknown


def _policy(error: PolicyInvalid) -> Problem:
    errors = [
        {"pointer": "/document/" + "/".join(map(str, one.path)), "code": "policy_fault", "detail": one.sentence}
        for one in error.faults
    ]
    return Problem(422, "policy_invalid", f"The policy has {len(errors)} fault(s).", errors=errors)


def _as(status: int, kind: str) -> Callable[[Any], Problem]:
    def translate(error: Any) -> Problem:
        text = str(error)
        return Problem(status, kind, f"{text[:1].upper()}{text[1:]}.")

    return translate


def _of_document(error: Any) -> Problem:
    errors = [
        {"pointer": one.pointer, "code": one.code, "detail": one.said, "line": one.line, "column": one.column}
        for one in error.mistakes
    ]
    number = "1 mistake" if len(errors) == 1 else f"{len(errors)} mistakes"
    return Problem(422, "playbook_invalid", f"The document is no playbook: {number}, see `errors`.", errors=errors)


def _of_edit(error: EditRefused) -> Problem:
    errors = [
        {"pointer": f"/edited/{one.part}", "code": "edit_refused", "detail": f"{one.part} {one.sentence}"}
        for one in error.faults
    ]
    return Problem(422, "edit_refused", f"The words cannot go out: {error}.", errors=errors)


def _of_outlet(error: Any) -> Problem:
    """What kinds of outlets know is checked after the body was read; what was sent is never shown."""
    errors = [
        {"pointer": "/" + "/".join(map(str, fault["loc"])), "detail": fault["msg"], "code": "not_valid"}
        for fault in error.errors(include_input=False, include_context=False, include_url=False)
    ]
    return Problem(422, "not_valid", f"{len(errors)} setting(s) or secret(s) are not valid.", errors=errors)


TABLE: Mapping[type[Exception], Callable[[Any], Problem]] = {
    PlaybookUnknown: _as(404, "playbook_unknown"),
    PlaybookDocumentInvalid: _of_document,
    VersionTaken: _as(409, "version_taken"),
    NotInForce: _as(409, "not_in_force"),
    RunUnknown: _as(404, "run_unknown"),
    EffectUnknown: _as(404, "effect_unknown"),
    RunEnded: _as(409, "run_ended"),
    NotStarted: lambda error: _as(409, error.code)(error),
    ResendRefused: _as(409, "resend_refused"),
    NotSentAgain: lambda error: _as(409, error.code)(error),
    ReceiverUnknown: _as(404, "destination_unknown"),
    MessageUnknown: _as(404, "message_unknown"),
    TokenRefused: _as(401, "token_invalid"),
    StepUnknown: _as(404, "step_unknown"),
    NotOurs: _as(422, "recipient_not_ours"),
    NotSendable: _as(422, "not_sendable"),
    AccountGone: _as(404, "account_unknown"),
    HealthAway: _as(503, "health_away"),
    QuestionRefused: _as(409, "question_refused"),
    SpanRefused: _as(422, "span_refused"),
    TaskUnknown: _as(404, "task_unknown"),
    TaskEnded: _as(409, "task_ended"),
    TaskTaken: _as(409, "task_taken"),
    SnoozeRefused: _as(422, "snooze_refused"),
    HandOverRefused: _as(422, "hand_over_refused"),
    ApprovalUnknown: _as(404, "approval_unknown"),
    ApprovalEnded: _as(409, "approval_ended"),
    EditRefused: _of_edit,
    OutletUnknown: _as(404, "outlet_unknown"),
    OutletTaken: _as(409, "outlet_taken"),
    OutletUnfit: _as(422, "outlet_unfit"),
    OutletShut: _as(409, "outlet_shut"),
    NoCrm: _as(409, "no_crm"),
    SetUpFailed: _as(409, "set_up_failed"),
    UrlRefused: lambda error: Problem(422, error.code, f"{str(error)[:1].upper()}{str(error)[1:]}."),
    ValidationError: _of_outlet,
    SuppressionUnknown: _as(404, "suppression_unknown"),
    SuppressionRefused: _as(422, "suppression_refused"),
    WayOutUnknown: _as(404, "not_found"),
    PolicyInvalid: _policy,
    PolicyUnknown: _as(404, "policy_unknown"),
    RegionUnknown: _as(422, "region_unknown"),
    HolidayUnknown: _as(404, "day_off_unknown"),
    PersonUnknown: _as(404, "person_unknown"),
    PersonRefused: _as(422, "person_refused"),
    AbsenceUnknown: _as(404, "absence_unknown"),
    IllegalMove: _as(409, "effect_not_in_doubt"),
}
