"""Getting in: OAuth calls that buy a pass for HubSpot or Salesforce; it keeps nothing.

Salesforce: JWT bearer (RFC 7523, RS256) or client credentials; its answer names the instance and no end. HubSpot: a
refresh token buys a token for about half an hour, as `expires_in` says.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from milepost_runtime.lines import Lines
from playbook_runner.actions.crm.answers import Busy, Unclear, Unfit, object_in
from playbook_runner.actions.crm.calling import Answer, Pass, Question, always, ask

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Salesforce refuses assertions that live for more than three minutes.
ASSERTION_S = 120
# Longer than anybody waits for a pass: with an answer that nobody hears a refresh token may be lost for good.
LISTEN_S = 30.0
AUDIENCE = {False: "https://login.salesforce.com", True: "https://test.salesforce.com"}


@dataclass(frozen=True)
class Granted:
    """A pass, how long it is good for (None: until it is refused), and the next refresh token if it was changed."""

    entry: Pass
    good_for_s: float | None = None
    refresh_token: str | None = field(default=None, repr=False)


async def buy(lines: Lines, kind: str, settings: Mapping[str, Any], secrets: Mapping[str, Any], now: float) -> Granted:
    """Ask for a pass. Raises Busy, or Unfit when the CRM does not accept who we say we are."""
    if kind == "hubspot":
        return await _from_hubspot(lines, settings, secrets)
    return await _from_salesforce(lines, settings, secrets, now)


async def _from_hubspot(lines: Lines, settings: Mapping[str, Any], secrets: Mapping[str, Any]) -> Granted:
    if "refresh_token" not in secrets:
        raise Unfit("HubSpot refused the token: put another one in its place")
    form = {name: secrets[name] for name in ("client_id", "client_secret", "refresh_token")}
    body = await _token(lines, settings["api_url"], "/oauth/v1/token", {"grant_type": "refresh_token"} | form)
    return Granted(
        Pass(_text(body, "access_token"), settings["api_url"]),
        good_for_s=float(body.get("expires_in") or 0) or None,
        refresh_token=str(body.get("refresh_token") or secrets["refresh_token"]),
    )


async def _from_salesforce(
    lines: Lines, settings: Mapping[str, Any], secrets: Mapping[str, Any], now: float
) -> Granted:
    if "private_key" in secrets:
        form = {"grant_type": JWT_BEARER, "assertion": assertion(settings, secrets["private_key"], now)}
    else:
        form = {"grant_type": "client_credentials", "client_id": settings["client_id"]}
        form["client_secret"] = secrets["client_secret"]
    body = await _token(lines, settings["login_url"], "/services/oauth2/token", form)
    # The last part of the identity's address is the user whom we act as.
    user = str(body.get("id", "")).rstrip("/").rpartition("/")[2]
    return Granted(Pass(_text(body, "access_token"), _text(body, "instance_url").rstrip("/"), user))


async def _token(lines: Lines, base: str, path: str, form: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        answer = await ask(lines, base, Question("POST", path, form=form), {}, (LISTEN_S, always))
    except Unclear as error:
        raise Busy(f"no token: {error}") from None
    if answer.fine and isinstance(answer.body, dict):
        return answer.body
    said = _refusal(answer)
    if answer.status == 429 or answer.status >= 500 or not said:
        raise Busy(f"no token: {base} answered {answer.status}{'' if said else ' without a word of why'}")
    raise Unfit(f"no token: {answer.status} {said}"[:300])


def _refusal(answer: Answer) -> str:
    """Return what an OAuth error says: RFC 6749's words, or HubSpot's own; nothing for a page in its place."""
    body = object_in(answer.body) if answer.status >= 400 else {}
    return ": ".join(str(body[name]) for name in ("error", "error_description", "message") if body.get(name))


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Unfit(f"no token: the answer has no {name}")
    return value


def assertion(settings: Mapping[str, Any], pem: str, now: float) -> str:
    """Return a signed JWT that says who we are, good for two minutes."""
    key = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, RSAPrivateKey), "checked when the outlet was kept"
    claims = {
        "iss": settings["client_id"],
        "sub": settings["username"],
        "aud": AUDIENCE[bool(settings.get("sandbox"))],
        "exp": int(now) + ASSERTION_S,
    }
    text = ".".join(_coded(json.dumps(part).encode()) for part in ({"alg": "RS256"}, claims))
    return f"{text}.{_coded(key.sign(text.encode(), PKCS1v15(), SHA256()))}"


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
