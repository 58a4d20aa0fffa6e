"""Makes sample requests as a provider would send them now, signed by a connection's own secret; it sends none.

Neither the secret nor anything that it can be read from leaves: where a header would be the secret, the secret address
stands in. A signature is good for this one request, and for minutes where the provider signs the time.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from asyncpg import Record

from ingest_webhooks.entrance.doors import ConnectionUnknown
from ingest_webhooks.mapping.remarks import nearest
from ingest_webhooks.queries import connections
from ingest_webhooks.samples import Sample, Shelf, shelf_of
from ingest_webhooks.samples.company import company_of
from ingest_webhooks.samples.filling import Filling
from ingest_webhooks.sources import CONNECTABLE, SOURCES
from ingest_webhooks.sources.source import Source, address_token
from ingest_webhooks.words.shapes import Received
from milepost_runtime.database import Pool
from milepost_runtime.secrets import Vault


class NothingOfThatName(Exception):
    """There is no source, or no sample, of this name: `what`, what there is, and the nearest of it."""

    def __init__(self, what: str, name: str, known: list[str]) -> None:
        super().__init__(name)
        self.what = what
        self.known = known
        self.nearest = nearest(name, known)


class ConnectionDisabled(Exception):
    """The connection takes no deliveries."""


class NotOurs(Exception):
    """Only the sender has the key that signs for this connection."""


@dataclass(frozen=True)
class Prepared:
    """A request that is ready to be sent; `body` is the text of its bytes in UTF-8."""

    source: str
    sample: str
    connection_id: UUID
    method: str
    url: str
    headers: Mapping[str, str]
    body: str


class Rehearsing:
    """What shows whether a connection works without waiting for its provider; `now`: seconds since 1970."""

    def __init__(self, pool: Pool, vault: Vault, now: Callable[[], float] = time.time) -> None:
        self._pool = pool
        self._vault = vault
        self._now = now

    def shelf(self, source: str) -> Shelf:
        """Return the samples of a source; raises NothingOfThatName."""
        if source not in CONNECTABLE:
            raise NothingOfThatName("source", source, sorted(CONNECTABLE))
        return shelf_of(source)

    async def prepare(self, connection_id: UUID, name: str, company: str | None, base: str) -> Prepared:
        """Return a sample as the provider would send it now to this connection at `base`, the service's address.

        Raises ConnectionUnknown, ConnectionDisabled, NothingOfThatName, CompanyUnfit and NotOurs.
        """
        async with self._pool.acquire() as connection:
            row = await connections.one(connection, connection_id)
        if row is None or row["source"] not in CONNECTABLE:
            raise ConnectionUnknown(str(connection_id))
        if not row["enabled"]:
            raise ConnectionDisabled(str(connection_id))
        known = shelf_of(row["source"]).samples
        if name not in known:
            raise NothingOfThatName("sample", name, sorted(known))
        return self._request(row, known[name], company, base)

    def _request(self, row: Record, sample: Sample, company: str | None, base: str) -> Prepared:
        source, now, secret = SOURCES[row["source"]], self._now(), self._vault.open(row["sealed"][0])
        settings: dict[str, Any] = source.settings.model_validate(row["settings"]).model_dump(mode="json")
        filling = Filling(now, company_of(source, company, settings), settings)
        body = (filling.xml if sample.is_xml else filling.json)(sample.text)
        address = f"{base.rstrip('/')}/webhooks/{source.name}/{row['id']}"
        headers = {"content-type": "text/xml; charset=utf-8" if sample.is_xml else "application/json"}
        headers |= {name: text for name, one in sample.headers.items() if (text := filling.text(one)) is not None}
        signed = _signed(source, address, headers, body, secret, now)
        # A header that shows the secret would hand it to whoever asks for a sample.
        shown = {name for name, value in signed.items() if secret.decode("utf-8", "replace") in value}
        if source.secret_address or sample.secret_address or shown:
            address = f"{address}/{address_token(secret)}"
        headers |= {name: value for name, value in signed.items() if name not in shown}
        return Prepared(source.name, sample.name, row["id"], "POST", address, headers, body)


def _signed(
    source: Source, address: str, headers: Mapping[str, str], body: str, secret: bytes, now: float
) -> dict[str, str]:
    """Return the headers that the provider's signature consists of, in lower case; raises NotOurs."""
    raw = [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers.items()]
    try:
        made = source.sign(Received("POST", address, raw, dict(raw), body.encode("utf-8")), secret, now)
    except ValueError as error:
        raise NotOurs from error
    return {name.lower(): value for name, value in made.items()}
