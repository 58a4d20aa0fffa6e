"""How a company uses its Salesforce, and what its records mean unless a connection's mapping says otherwise.

It reads no message.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from ingest_webhooks.sources.salesforce.ids import id18
from ingest_webhooks.words.rules import Rule


def _as_id(text: str) -> str:
    found = id18(text.strip())
    if found is None:
        raise ValueError("an id of Salesforce's has 15 or 18 letters and digits")
    return found


def _as_selection(text: str) -> str:
    """An ActionId has two forms; an object has one name."""
    return (id18(text) if text.startswith("04k") else None) or text


Id = Annotated[str, AfterValidator(_as_id)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)]
Selection = Annotated[Name, AfterValidator(_as_selection)]


class SalesforceSettings(BaseModel):
    """How a company uses its Salesforce.

    `organization_id` (15 or 18 characters) is whose messages are taken; change events and calls of Flows need it too,
    since they do not name it. `selected_fields` lists, by object (`Account`) or by ActionId, the fields that an
    outbound message was told to send: Salesforce leaves out a field that is empty, so of these a missing one was
    emptied. `client_name` and `integration_user` say who we are over there, so that the echo of what we wrote is left
    alone. `closed_case_statuses` and `reopened_case_statuses` are compared in any case of letters. `account_fields` are
    fields of other objects that hold the id of an account, the best first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    organization_id: Id | None = None
    selected_fields: dict[Selection, tuple[Name, ...]] = Field(default_factory=dict, max_length=500)
    client_name: Name | None = None
    integration_user: Id | None = None
    closed_case_statuses: tuple[Name, ...] = ("Closed",)
    reopened_case_statuses: tuple[Name, ...] = ("Reopened", "Re-opened")
    account_fields: tuple[Name, ...] = ("AccountId", "Account__c", "AccountId__c", "Account_Id__c")


_IGNORED = Rule(ignore=True)
_SEVERITY = {"low": "low", "medium": "medium", "high": "high", "critical": "critical", "urgent": "critical"}
_GONE = Rule(type="stakeholder.left", role="sponsor", value="{value}")
_ALIVE = Rule(attributes={"crm": "salesforce", "crm_state": "active"})
_RESOLVED = Rule(type="ticket.resolved", item="{object}", at="{ClosedDate}", properties={"stage": "{Status}"})
_REOPENED = Rule(type="ticket.reopened", item="{object}", properties={"stage": "{Status}"})
# Whether that reopens the case depends on what came before it; `open` says all that one message can know.
_MOVED = Rule(type="ticket.updated", item="{object}", properties={"stage": "{Status}", "open": "{open}"})
_STATE = Rule(by="state", when={"closed": _RESOLVED, "reopened": _REOPENED, "*": _MOVED})
_JOINED = Rule(type="stakeholder.joined", actor="{object}")
_ROLE = Rule(type="stakeholder.role_changed", actor="{object}", role="{value}")
# Salesforce writes down a mail or a call as a task that was never one.
_NO_TASKS = {"email": _IGNORED, "listemail": _IGNORED, "call": _IGNORED}

_ACCOUNT = {
    "Account.created": _ALIVE,
    "Account.undeleted": _ALIVE,
    "Account.deleted": Rule(attributes={"crm": "salesforce", "crm_state": "deleted"}),
    "Account.updated": _IGNORED,
    **dict.fromkeys((f"Account.gap_{one}" for one in ("create", "update", "delete", "undelete", "overflow")), _IGNORED),
    "Account.Name": Rule(attribute="name"),
    "Account.OwnerId": Rule(attribute="owner"),
    "Account.AnnualRevenue": Rule(attribute="annual_revenue", reads="number"),
    "Account.NumberOfEmployees": Rule(attribute="employees", reads="number"),
    "Account.Industry": Rule(attribute="industry"),
    "Account.Seats__c": Rule(attribute="seats", reads="number"),
    "Account.Plan__c": Rule(attribute="plan"),
    "Account.Segment__c": Rule(attribute="segment"),
    "Account.Contract_Value__c": Rule(attribute="contract_value", reads="number"),
    "Account.Onboarding_Start_Date__c": Rule(type="account.started", at="{value}", reads="date"),
    "Account.Onboarding_Milestone__c": Rule(type="milestone.completed", item="{value}"),
    "Account.Sponsor_Status__c": Rule(
        when={
            "left": _GONE,
            "departed": _GONE,
            "inactive": _GONE,
            "": _IGNORED,
            "*": Rule(type="stakeholder.role_changed", role="sponsor", value="{value}"),
        }
    ),
    # Words and numbers of persons, and addresses of pictures, are none of a health score's business.
    **dict.fromkeys(("Account.Description", "Account.Phone", "Account.Fax", "Account.PhotoUrl"), _IGNORED),
    **dict.fromkeys(("Account.Jigsaw", "Account.JigsawCompanyId", "Account.CleanStatus"), _IGNORED),
    "Account.*": Rule(attribute="{property}"),
}

_CASE = {
    "Case.created": Rule(
        type="ticket.opened",
        item="{object}",
        properties={"severity": "{Priority}", "label": "{Subject}"},
        translate=_SEVERITY,
    ),
    "Case.updated": Rule(type="ticket.updated", item="{object}"),
    "Case.undeleted": _REOPENED,
    "Case.deleted": Rule(type="ticket.resolved", item="{object}"),
    "Case.Status": _STATE,
    # Where the status is told as well, that says it.
    "Case.IsClosed": Rule(by="Status", when={"": _STATE, "*": _IGNORED}),
    "Case.IsEscalated": Rule(when={"true": Rule(type="ticket.escalated", item="{object}"), "*": _IGNORED}),
    "Case.Priority": Rule(
        type="ticket.updated", item="{object}", properties={"severity": "{value}"}, translate=_SEVERITY
    ),
    "Case.Subject": Rule(type="ticket.updated", item="{object}", properties={"label": "{value}"}),
    # What people wrote into a case stays there.
    "Case.*": _IGNORED,
}

_PEOPLE_AND_WORK = {
    "Contact.created": _JOINED,
    "Contact.undeleted": _JOINED,
    "Contact.deleted": Rule(type="stakeholder.left", actor="{object}"),
    "Contact.Onboarding_Role__c": _ROLE,
    "Contact.*": _IGNORED,
    # Which stage of which kind of deal is a renewal, or the loss of one, only the company knows.
    "Opportunity.*": _IGNORED,
    "Event.created": Rule(
        type="meeting.scheduled",
        item="{object}",
        properties={"starts_at": "{StartDateTime}", "label": "{Subject}"},
    ),
    "Event.deleted": Rule(type="meeting.cancelled", item="{object}"),
    "Event.*": _IGNORED,
    "Task.created": Rule(
        by="TaskSubtype",
        when=_NO_TASKS
        | {
            "*": Rule(
                type="task.created",
                item="{object}",
                properties={"due": "{ActivityDate}", "label": "{Subject}"},
            )
        },
    ),
    "Task.Status": Rule(
        by="TaskSubtype",
        when=_NO_TASKS
        | {
            "*": Rule(
                when={
                    "completed": Rule(type="task.completed", item="{object}", at="{CompletedDateTime}"),
                    "*": _IGNORED,
                }
            )
        },
    ),
    "Task.deleted": Rule(type="task.deleted", item="{object}", properties={"open": "{open}"}),
    "Task.*": _IGNORED,
}

RULES: Mapping[str, Rule] = MappingProxyType({**_ACCOUNT, **_CASE, **_PEOPLE_AND_WORK})
