"""Typeform's webhooks: who sent them and what an answered form means in our words; it reads no clock and no store."""

import base64
import hmac
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ingest_webhooks.sources.documents import (
    Document,
    at,
    check_event_id,
    digest,
    domain_of,
    id_at,
    moment_at,
    objects_at,
    present,
    read_document,
    reference,
    signature_of,
    tell,
    text_at,
    whole_at,
)
from ingest_webhooks.sources.source import Source
from ingest_webhooks.words.references import names_an_account
from ingest_webhooks.words.rules import Rule
from ingest_webhooks.words.shapes import Broken, Context, Fact, Fault, Normalised, Received, Refused, fact_key
from milepost_contracts.events import AccountReference
from milepost_contracts.references import Malformed, canonical

_HEADER = b"typeform-signature"
_SCHEME = b"sha256="
# What a link holds whose author, or whose program, did not fill in the field.
_UNSET = frozenset(("", "xxxxx", "null", "undefined", "none", "[object object]"))
# What one question asks for on a scale of its own.
_SCALES = frozenset(("opinion_scale", "nps"))
_REFERENCE: TypeAdapter[str] = TypeAdapter(AccountReference)
_TEN = 10

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "form_response.*": Rule(
            type="survey.answered",
            item="{form_id}",
            value="{score}",
            actor="{form_response.hidden.user_id}",
            properties={"form": "{form}"},
        )
    }
)


class TypeformSettings(BaseModel):
    """How a company's forms say whose an answer is, and which answer is the score.

    `account_in` are hidden fields that carry the account, the best first. `score_in` is the `ref` or id of the question
    that is the score; without it the first opinion scale is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_in: tuple[str, ...] = Field(default=("account_id", "account", "company_id"), max_length=10)
    score_in: str | None = Field(default=None, max_length=255)


class Typeform(Source):
    """The source `typeform`; one delivery is one answered form."""

    name = "typeform"
    title = "Typeform"
    settings = TypeformSettings
    rules = RULES

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Check the base64 HMAC-SHA256 of the body; Typeform signs no time. Raises Refused, AmbiguousHeader."""
        claimed = signature_of(received, _HEADER, "Typeform-Signature")
        if not any(hmac.compare_digest(signature(secret, received.body), claimed) for secret in secrets):
            raise Refused("signature_invalid", "the signature does not match")

    def examine(self, received: Received, settings: BaseModel) -> int:
        """Return 1; raises BadBody for no strict JSON and for an id that is no event's."""
        check_event_id(received.body, "event_id")
        return 1

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what an answered form means; other events are of no interest."""
        said = Normalised()
        document = read_document(body, said)
        if document is None:
            return said
        settings = context.settings if isinstance(context.settings, TypeformSettings) else TypeformSettings()
        try:
            return tell([_fact(document, settings, context)], (), context, self.rules)
        except Broken as error:
            return Normalised(faults=[Fault(0, str(error))])

    def sign(self, received: Received, secret: bytes, now: float) -> Mapping[str, str]:
        """Return the header under which Typeform would send this body."""
        return {_HEADER.decode(): signature(secret, received.body).decode("ascii")}


def signature(secret: bytes, body: bytes) -> bytes:
    """Return the header's value: the scheme and the base64 HMAC-SHA256 of the body."""
    return _SCHEME + base64.b64encode(hmac.digest(secret, body, "sha256"))


def _fact(document: Document, settings: TypeformSettings, context: Context) -> Fact:
    kind, response = text_at(document, "event_type"), at(document, "form_response")
    if kind is None:
        raise Broken("event_type is missing")
    event, token, form = text_at(document, "event_id"), text_at(response, "token"), id_at(response, "form_id")
    if kind == "form_response" and (form is None or (event is None and token is None)):
        raise Broken("it names no form, or neither itself nor its answers")
    subject = reference("typeform", form, "response", token) or ""
    return Fact(
        key=fact_key("typeform", kind, event, token, digest(document).hex() if event is token is None else ""),
        topic=f"{kind}.{form}" if form else kind,
        at=moment_at(response, "submitted_at") or moment_at(response, "landed_at") or context.received_at,
        accounts=present(*_accounts(response, settings)) or present(subject),
        subject=subject,
        fields={**document, **_derived(response, settings)},
        content=digest(response),
    )


def _derived(response: Any, settings: TypeformSettings) -> dict[str, Any]:
    """Return what rules ask for, by plain names: answers by the `ref` of their question, variables by their key."""
    return {
        "form_id": id_at(response, "form_id"),
        "form": text_at(response, "definition", "title"),
        "score": _score(response, settings),
        "answers": {name: _said(answer) for answer in objects_at(response, "answers") for name in _names(answer)},
        "variables": {
            name: _said(one) for one in objects_at(response, "variables") if (name := text_at(one, "key")) is not None
        },
    }


def _names(answer: Document) -> tuple[str, ...]:
    return present(text_at(answer, "field", "ref"), text_at(answer, "field", "id"))


def _said(answer: Document) -> Any:
    """Return what an answer or a variable holds under its own type; of a choice, its label."""
    found = answer.get(str(answer.get("type")))
    return found.get("label") if isinstance(found, dict) else found


def _score(response: Any, settings: TypeformSettings) -> float | None:
    """Return the score from 0 to 10: a scale of other steps is stretched to that, if the form's definition tells them.

    A form may cut its definition short; then the number counts as it was answered.
    """
    for answer in objects_at(response, "answers"):
        number = _said(answer)
        wanted = (
            settings.score_in in _names(answer)
            if settings.score_in is not None
            else text_at(answer, "field", "type") in _SCALES
        )
        if wanted and isinstance(number, int | float) and not isinstance(number, bool):
            return _of_ten(number, _question(response, answer))
    return None


def _question(response: Any, answer: Document) -> Document | None:
    name = id_at(answer, "field", "id")
    questions = objects_at(response, "definition", "fields")
    return next((one for one in questions if name is not None and id_at(one, "id") == name), None)


def _of_ten(number: float, question: Document | None) -> float:
    steps = whole_at(question, "properties", "steps")
    if steps is None or steps < 2:
        return float(number)
    # Ratings begin with one star; scales say whether they begin with one.
    first = at(question, "properties", "start_at_one") is True or text_at(question, "type") == "rating"
    return round((number - first) / (steps - 1) * _TEN, 3)


def _accounts(response: Any, settings: TypeformSettings) -> Iterator[str | None]:
    """Tell whose an answer is: by the hidden fields, else by the e-mail address that was given."""
    for name in settings.account_in:
        yield _named(id_at(response, "hidden", name))
    given = [text_at(answer, "email") for answer in objects_at(response, "answers") if answer.get("type") == "email"]
    for email in (text_at(response, "hidden", "email"), *given):
        if email is not None and "@" in email:
            yield domain_of(email) or reference("email", email.lower())


def _named(value: str | None) -> str | None:
    """Return the reference that a hidden field names: one of ours as it stands, else the company's own id."""
    if value is None or value.lower() in _UNSET:
        return None
    kind, _, name = value.partition(":")
    if kind == "domain":
        return domain_of(name)
    try:
        written = canonical(value)
        _REFERENCE.validate_python(written)
    except Malformed:
        return None
    except ValidationError:
        return reference("external", value)
    # Without a colon it is an id of ours.
    return written if ":" not in written or names_an_account(written) else reference("external", value)
