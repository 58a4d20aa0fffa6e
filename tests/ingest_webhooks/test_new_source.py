"""Claims about adding a source: a class and a line of the registry are enough, and what we lack is our own fault."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest
from pydantic import BaseModel

from ingest_webhooks.mapping import take
from ingest_webhooks.problems import problem_of
from ingest_webhooks.routers import books
from ingest_webhooks.samples import shelf_of
from ingest_webhooks.samples.company import CompanyUnfit, company_of
from ingest_webhooks.sources import CONNECTABLE, SOURCES, registry
from ingest_webhooks.sources.source import Source
from ingest_webhooks.words.references import may_open, names_an_account
from ingest_webhooks.words.shapes import Context, Fact, Normalised, Received, Refused, fact_key
from milepost_runtime.database import is_store_trouble
from milepost_runtime.problems import unforeseen


class Tiny(Source):
    """A source that nothing of ours has ever heard of."""

    name = "tiny"
    title = "Tiny"

    def verify(self, received: Received, secrets: Sequence[bytes], settings: BaseModel, now: float) -> None:
        """Let nobody in."""
        raise Refused("signature_missing", "nobody signs for it")

    def normalise(self, body: bytes, context: Context) -> Normalised:
        """Say that something was used by the company that the body names."""
        said = Normalised()
        fact = Fact(fact_key("tiny", body.hex()), "used", context.received_at, (f"tiny:t:{body.decode()}",), opens=True)
        take(fact, context, self.rules, said)
        return said


def test_a_class_and_a_line_of_the_registry_make_a_source() -> None:
    known = registry([*map(type, SOURCES.values()), Tiny])
    assert set(known) == {*SOURCES, "tiny"}
    assert isinstance(known["tiny"], Tiny)
    assert known["tiny"].connectable
    assert set(CONNECTABLE) == set(SOURCES) - {"plain"}


def test_a_source_without_samples_has_an_empty_shelf() -> None:
    shelf = shelf_of("tiny")
    assert (dict(shelf.settings), dict(shelf.samples)) == ({}, {})


def test_names_of_a_source_that_no_list_mentions_are_told_apart() -> None:
    assert names_an_account("tiny:t:1")
    assert may_open("tiny:t:1")
    assert not names_an_account("tiny:t:ticket:1")


def test_samples_of_a_source_with_no_word_for_companies_carry_any_reference_of_an_account() -> None:
    assert company_of(Tiny(), None, {}).account == "external:milepost-test"
    for reference in ("tiny:t:1", "hubspot:7:42", "domain:acme.com", "external:acme"):
        assert company_of(Tiny(), reference, {}).account == reference
    for thing in ("hubspot:7:ticket:42", "Not A Kind:x", "external:"):
        with pytest.raises(CompanyUnfit):
            company_of(Tiny(), thing, {})


@pytest.mark.parametrize("kind", ["words/references.py", "samples", "entrance", "trials"])
def test_no_list_of_sources_stands_beside_the_registry(kind: str) -> None:
    """Only what differs from the rule of names may mention a source."""
    root = Path(books.__file__).parents[1]
    files = [root / kind] if kind.endswith(".py") else list((root / kind).glob("*.py"))
    told = {name for file in files for name in CONNECTABLE if f'"{name}"' in file.read_text()}
    assert told <= {"hubspot", "salesforce", "segment", "calendly", "typeform"}
    assert kind == "words/references.py" or not told


def test_a_file_of_ours_that_is_missing_is_our_fault_and_not_the_stores(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as ours:
        (tmp_path / "index.json").read_text()
    assert not is_store_trouble(ours.value)
    assert unforeseen(ours.value, "somewhere").status == 500
    found = problem_of(ours.value)
    assert found is not None
    assert found.status == 500


async def test_a_socket_that_is_not_there_is_store_trouble(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as plain, pytest.raises(FileNotFoundError) as missing:
        plain.connect(str(tmp_path / "nobody"))
    with pytest.raises(FileNotFoundError) as away:
        await asyncio.open_unix_connection(str(tmp_path / "nobody"))
    for error in (missing.value, away.value, ConnectionRefusedError(111, "refused")):
        assert is_store_trouble(error)
        found = problem_of(error)
        assert found is not None
        assert found.status == 503


async def test_a_store_that_does_not_let_us_in_any_more_is_store_trouble(database_url: str) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError) as changed:
        await asyncpg.connect(database_url, password="of-yesterday")
    assert is_store_trouble(changed.value)
    assert unforeseen(changed.value, "somewhere").status == 503
    found = problem_of(changed.value)
    assert found is not None
    assert found.status == 503
