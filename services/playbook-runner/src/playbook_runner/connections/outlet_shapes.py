"""What each kind of outlet is told about itself: its settings, and its secrets, which are sealed; it keeps neither."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from milepost_contracts.references import salesforce_id

Kind: TypeAlias = Literal["hubspot", "salesforce", "slack", "webhook"]
CRM_KINDS: frozenset[Kind] = frozenset({"hubspot", "salesforce"})
_STANDARD_SECRET = "whsec_"  # noqa: S105 - the word that such secrets begin with


def _checked_place(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("expected an address such as https://api.example.com")
    return url.rstrip("/")


def _checked_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
        raise ValueError("expected an address such as https://hooks.example.com/milepost")
    return url


def _checked_organisation(text: str) -> str:
    found = salesforce_id(text)
    if found is None:
        raise ValueError("expected the organisation's id of 15 or 18 letters and digits")
    return found


def _checked_pem(text: str) -> str:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("expected an unencrypted RSA private key in PEM") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("expected an RSA key: Salesforce reads RS256")
    return text


def _checked_standard(text: str) -> str:
    try:
        raw = base64.b64decode(text.removeprefix(_STANDARD_SECRET), validate=True)
    except binascii.Error:
        raw = b""
    if not text.startswith(_STANDARD_SECRET) or not 24 <= len(raw) <= 64:
        raise ValueError("expected whsec_ and 24 to 64 bytes in base64")
    return text


Place = Annotated[str, AfterValidator(_checked_place), Field(max_length=500)]
Address = Annotated[str, AfterValidator(_checked_address), Field(max_length=2_000)]
Organisation = Annotated[str, AfterValidator(_checked_organisation)]
StandardSecret = Annotated[str, AfterValidator(_checked_standard), Field(max_length=200)]
Token = Annotated[str, Field(min_length=8, max_length=4_000, pattern=r"^[\x21-\x7e]+$")]


class Shape(BaseModel):
    """Frozen, closed to unknown keys, and silent about values in its errors: they may be secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class HubspotSettings(Shape):
    """Which portal, and how its API is reached. `api_version` is `v3`, `v4`, or a dated one such as `2026-09`."""

    portal_id: int = Field(gt=0)
    api_url: Place = "https://api.hubapi.com"
    api_version: str = Field(default="v3", pattern=r"^(v[34]|\d{4}-\d{2})$")


class HubspotSecrets(Shape):
    """Either a bearer token (private app, service key), or what an OAuth app was granted."""

    token: Token | None = None
    client_id: Token | None = None
    client_secret: Token | None = None
    refresh_token: Token | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        granted = (self.client_id, self.client_secret, self.refresh_token)
        if (self.token is None) == (None in granted) or (self.token is not None and any(granted)):
            raise ValueError("give token, or client_id, client_secret and refresh_token")
        return self


class SalesforceSettings(Shape):
    """Which organisation, and where it lets us in: an external client app and, with a key, the user to act as."""

    organization_id: Organisation
    login_url: Place = "https://login.salesforce.com"
    api_version: str = Field(default="v66.0", pattern=r"^v\d{2,3}\.0$")
    client_id: Token
    username: str = Field(default="", max_length=200)
    sandbox: bool = False


class SalesforceSecrets(Shape):
    """The app's private key (JWT bearer; `username` says as whom), or its secret (client credentials)."""

    private_key: Annotated[str, AfterValidator(_checked_pem), Field(max_length=10_000)] | None = None
    client_secret: Token | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.private_key is None) == (self.client_secret is None):
            raise ValueError("give private_key or client_secret")
        return self


class SlackSettings(Shape):
    """Where Slack's Web API is."""

    api_url: Place = "https://slack.com/api"


class SlackSecrets(Shape):
    """The bot's token."""

    token: Token


class WebhookSettings(Shape):
    """Where signed calls go."""

    url: Address


class WebhookSecrets(Shape):
    """What calls are signed with, as Standard Webhooks writes it; one is made up when none is given.

    `former` signs beside it while the receiver changes from one to the other.
    """

    secret: StandardSecret
    former: StandardSecret | None = None


SETTINGS: Mapping[Kind, type[Shape]] = {
    "hubspot": HubspotSettings,
    "salesforce": SalesforceSettings,
    "slack": SlackSettings,
    "webhook": WebhookSettings,
}
SECRETS: Mapping[Kind, type[Shape]] = {
    "hubspot": HubspotSecrets,
    "salesforce": SalesforceSecrets,
    "slack": SlackSecrets,
    "webhook": WebhookSecrets,
}


def checked(shapes: Mapping[Kind, type[Shape]], kind: Kind, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as they are kept. Raises pydantic's ValidationError."""
    return shapes[kind].model_validate(values).model_dump(exclude_none=True)


# Calls a second, unless the owner says otherwise: HubSpot takes 100 in ten seconds of the smallest plan.
USUAL_RATES: Mapping[Kind, float] = {"hubspot": 9.0}
# The settings that say where calls go.
PLACES: Mapping[Kind, str] = {"hubspot": "api_url", "salesforce": "login_url", "slack": "api_url", "webhook": "url"}


# The settings that say whose records those are that references lead to.
BOOKS: Mapping[Kind, str] = {"hubspot": "portal_id", "salesforce": "organization_id"}


def fault_between(kind: Kind, settings: Mapping[str, Any], secrets: Mapping[str, Any]) -> str | None:
    """Return what does not fit between settings and secrets that are each well formed."""
    if kind == "salesforce" and "private_key" in secrets and not settings.get("username"):
        return "with a private key, settings.username says as whom we act"
    return None
