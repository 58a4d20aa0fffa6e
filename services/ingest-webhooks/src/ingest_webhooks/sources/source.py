"""What every source is: who may deliver, what a delivery says; no source's own word.

A new source is one module with a subclass of `Source`, and one line in the registry. If it calls its companies
`<name>:<tenant>:<id>` and everything else by more parts, `references` knows them apart. Its facts open accounts
(`Fact.opens`). A folder of samples is welcome and not needed.
"""

import base64
import hmac
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import BaseModel

from ingest_webhooks.sources.manner import ANY_REFERENCE, Manner
from ingest_webhooks.words.rules import Rule
from ingest_webhooks.words.shapes import Context, Normalised, NotHere, Received
from milepost_runtime.strict_json import read_json

NO_RULES: Mapping[str, Rule] = MappingProxyType({})


class SourceSettings(BaseModel):
    """A connection's settings for a source that has none."""

    model_config = {"frozen": True, "extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider wants to hear: status, media type and body."""

    status: int = 200
    body: bytes = b""
    media: bytes = b""


ACCEPTED = Reply()


class Source(ABC):
    """A provider that we understand; every method is pure: it reads no clock and no store.

    `media` are the media types that it delivers (empty: any). `kept_headers` are headers, in lower case, that are kept
    with a delivery because `normalise` reads them; never one that authenticates; `kept_prefixes` are the beginnings of
    further ones. `limit` is the size in bytes up to which a body is read. `rules` are its default mapping.
    `secret_address` says that the address ends with a secret segment (`address_token`), because nothing is signed.
    `asks_first` says that senders ask whether they may deliver here, before they do (CloudEvents' OPTIONS request),
    `looks_first` that they look whether the address is there (Intercom's HEAD request). `connectable`: connections can
    be made for it. `finds_by_secret`: its secrets name their connection, so no two connections share one. `companies`
    is how samples name a company in its words.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    settings: ClassVar[type[BaseModel]] = SourceSettings
    rules: ClassVar[Mapping[str, Rule]] = NO_RULES
    media: ClassVar[frozenset[bytes]] = frozenset({b"application/json"})
    kept_headers: ClassVar[frozenset[str]] = frozenset()
    kept_prefixes: ClassVar[tuple[str, ...]] = ()
    limit: ClassVar[int] = 2**20
    secret_address: ClassVar[bool] = False
    asks_first: ClassVar[bool] = False
    looks_first: ClassVar[bool] = False
    connectable: ClassVar[bool] = True
    finds_by_secret: ClassVar[bool] = False
    companies: ClassVar[Manner] = ANY_REFERENCE

    @abstractmethod
    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Return if one of the secrets vouches for the request at about `now` (seconds since 1970).

        Raises Refused, AmbiguousHeader, NotHere (unsigned, and no secret path segment).
        """

    @abstractmethod
    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say what a body means; never raises for a body that merely is strange."""

    def examine(self, received: Received, settings: BaseModel) -> int:
        """Return how many elements an authentic body has; raises BadBody for what no healthy sender sends.

        May raise WrongOrganisation.
        """
        document: Any = read_json(received.body)
        return len(document) if isinstance(document, list) else 1

    def has_value(self, topic: str) -> bool:
        """Tell whether facts under a topic, or a pattern of topics, are about one changed value."""
        return False

    def identity(self, received: Received) -> bytes:
        """Return what makes a delivery beside its body (a header that names it); equal for a repetition."""
        return b""

    def redact(self, received: Received) -> bytes:
        """Return the body as it is kept, without what must never be stored; called after `examine`."""
        return received.body

    def reply(self, received: Received) -> Reply:
        """Return what the provider wants to hear when its delivery is kept."""
        return ACCEPTED

    def refusal(self, media: bytes, status: int, detail: str) -> Reply | None:
        """Return a refusal of a body of this media type in the provider's own words; None: a problem document."""
        return None

    def retry_after(self, received: Received, seconds: int) -> str:
        """Return what `Retry-After` has to say, for a delivery that came too fast, to mean so many seconds."""
        return str(seconds)

    def check_secret(self, secret: str) -> str | None:
        """Return, for people, why a text can be no secret of this provider; None when it can."""
        return None

    def dress_secret(self, made: str) -> str:
        """Return a secret that we made up in the form in which the provider's side takes it."""
        return made

    def sign(self, received: Received, secret: bytes, now: float) -> Mapping[str, str]:
        """Return the headers under which the provider would send this, for a test delivery of our own."""
        return {}


def address_token(secret: bytes) -> str:
    """Return the secret path segment of an address: derived, so that an address in a log gives no signing secret."""
    return base64.b32encode(hmac.digest(secret, b"milepost address 1", "sha256")[:20]).decode("ascii").lower()


def require_address(received: Received, secrets: Sequence[bytes]) -> None:
    """Return if the request came to the secret address of one of the secrets; raises NotHere."""
    if not any(hmac.compare_digest(address_token(secret).encode("ascii"), received.token) for secret in secrets):
        raise NotHere
