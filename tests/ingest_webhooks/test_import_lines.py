"""Claims about single lines of an import: no content of one fails others, and it is judged as `POST /events` does."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import ValidationError

from ingest_webhooks.sources.line_chunks import Chunk
from ingest_webhooks.sources.plain import normal_event
from ingest_webhooks.sources.plain_lines import LineReader
from ingest_webhooks.words.shapes import Context
from milepost_runtime.lanes import drain
from milepost_runtime.strict_json import BadBody, read_json

from .conftest import Bench
from .test_imports import JSON, bring_in, counts, event, lines, rejects

ODD = (
    "",
    " ",
    "   ",
    "\x00",
    "a\x00b",
    "\x7f",
    "\x85",
    "\u200b",
    "\u2028",
    "\u2060\ufeff",
    "\ufffe",
    "\ud800",
    "\ue000",
)
WORDS: SearchStrategy[str] = st.sampled_from((*ODD, "é", "a b", "\\", '"', "\\N", "\t", "crm:ticket:7")) | st.text(
    alphabet=st.characters(), max_size=6
)
NUMBERS = st.integers() | st.floats(allow_nan=False) | st.sampled_from((-0.0, 10**40, 1e300, 5e-324))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
FIELDS: dict[str, SearchStrategy[Any]] = {
    "id": WORDS,
    "type": st.sampled_from(("feature.used", "account.merged", "Feature")) | WORDS,
    "account": st.sampled_from(("external:acme", "domain:Acme.com", "external:\u200b")) | WORDS,
    "occurred_at": st.sampled_from(("2025-03-01T09:30:00Z", "9999-12-31T23:59:59-01:00", "2025-02-30T00:00:00Z")),
    "actor": WORDS | st.none(),
    "role": WORDS | st.none(),
    "item": WORDS | st.none(),
    "value": NUMBERS | WORDS | st.none(),
    "properties": st.dictionaries(WORDS, DOCUMENTS, max_size=3),
}


@st.composite
def documents(draw: Any) -> Any:
    """An event in which some fields are anybody's guess, or something else altogether."""
    if draw(st.integers(0, 19)) == 0:
        return draw(DOCUMENTS)
    chosen = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=3, unique=True))
    odd = {name: draw(FIELDS[name] if draw(st.integers(0, 3)) else DOCUMENTS) for name in chosen}
    named = {draw(WORDS): draw(DOCUMENTS)} if draw(st.integers(0, 5)) == 0 else {}
    return event(draw(st.integers(0, 10**6)), "external:odd") | odd | named


def written(document: Any, *, escaped: bool) -> bytes:
    text = json.dumps(document, ensure_ascii=escaped, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def refused(line: bytes) -> bool:
    """Tell whether the rules of plain events refuse a line."""
    try:
        normal_event(read_json(line), Context(datetime.now(UTC), sender="me"))
    except (BadBody, ValidationError):
        return True
    return False


def read(line: bytes, *known: bytes) -> tuple[list[Any], list[Any]]:
    """Return what a reader makes of a line when it has read others before: rows, and what was refused."""
    reader = LineReader("me", datetime(2026, 1, 1, tzinfo=UTC))
    for one in known:
        reader.read([one], Chunk(0))
    chunk = Chunk(0)
    reader.read([line], chunk)
    return [(reference, *_columns(text)) for reference, text in chunk.rows.values()], chunk.rejects


def _columns(text: str) -> list[Any]:
    event_id, kind, at, *words, value, value_text, properties = text.split("\t")
    number = None if value == "\\N" else repr(float(value))
    # COPY doubles every backslash.
    as_json = properties.replace("\\\\", "\\")
    return [event_id, kind, datetime.fromisoformat(at), words, number, value_text, json.loads(as_json)]


def plain_like(document: Any) -> bytes:
    """Return a line beyond doubt that names the same fields and properties, so that the next may take the short way."""
    if not isinstance(document, dict):
        return b""
    base = event(1, "external:odd", actor="a", role="b", item="c", value=1)
    properties = document.get("properties")
    names = properties if isinstance(properties, dict) else {}
    return written(
        {name: dict.fromkeys(names, 1) if name == "properties" else base.get(name) for name in document}, escaped=True
    )


@settings(max_examples=600, deadline=None)
@given(documents(), st.booleans())
def test_the_short_way_takes_a_line_exactly_when_plain_events_are_taken(document: Any, escaped: bool) -> None:
    line = written(document, escaped=escaped)
    cold = read(line)
    warm = read(line, plain_like(document), written(event(0, "external:odd"), escaped=True))
    assert (cold[1] != []) == refused(line)
    assert warm == cold


@pytest.mark.parametrize("word", ["\u200b", "   ", "\x85", "\x7f", "\ufffe", "\u2060\ufeff"])
@pytest.mark.parametrize("field", ["id", "actor", "role", "item"])
def test_a_name_that_nobody_can_see_is_refused_whatever_stood_before_it(word: str, field: str) -> None:
    before = event(1, actor="a", role="b", item="c")
    rows, faults = read(written(before | {field: word}, escaped=False), written(before, escaped=False))
    assert rows == []
    assert faults[0][1][0]["pointer"] == f"/{field}"


def many(strategy: SearchStrategy[Any], count: int) -> Sequence[Any]:
    found: list[Any] = []

    @settings(max_examples=count, deadline=None, database=None, derandomize=True)
    @given(strategy)
    def gather(one: Any) -> None:
        found.append(one)

    gather()
    return found


async def test_no_content_of_a_line_keeps_the_lines_around_it_out(bench: Bench) -> None:
    raw = st.binary(max_size=30).filter(lambda line: b"\n" not in line and bool(line.strip(b" \t\r")))
    odd = many(st.builds(written, documents(), escaped=st.booleans()) | raw, 500)
    odd = [
        written(event(0, properties={"a\x00b": 1}), escaped=True),
        written(event(0) | {"un\x00known": 1, "un\ud800known": 1}, escaped=True),
        *odd,
    ]
    good = [json.dumps(event(number, "external:around", id=f"around{number}")).encode() for number in range(len(odd))]
    row = await bring_in(bench, b"\n".join(one for pair in zip(good, odd, strict=True) for one in pair))
    listed = await rejects(bench, row)

    assert row["position"] == 2 * len(odd)
    assert [one["line"] for one in listed if one["errors"][0]["code"] != "conflict"] == [
        2 * number for number, line in enumerate(odd, 1) if refused(line)
    ]
    assert len(await bench.events("external:around")) == len(good)
    assert [one["errors"][0]["pointer"] for one in listed[:1]] == ["/properties/a\ufffdb"]


async def test_a_known_id_that_says_something_else_is_a_conflict_with_its_line(bench: Bench) -> None:
    acme = "external:contrary"
    await bench.client.post("/events", json=event(801, acme, value=1))
    await bring_in(
        bench, lines([event(802, acme, value=1, properties={"a": [1.5]}), event(803, "domain:contrary.example")])
    )
    same = [
        event(801, acme, value=1.0),
        event(802, acme, value=1, occurred_at="2025-03-01T10:30:00.25+01:00", properties={"a": [1.50]}),
        event(803, "domain:CONTRARY.example"),
    ]
    other = [
        event(801, acme, value=2),
        event(802, acme, value=1, properties={"a": [1.5, 2]}),
        event(803, "domain:another.example"),
        event(804, acme),
        event(804, acme),
        event(804, acme, actor="a"),
    ]
    body = lines([*same, {}, *other])
    foreseen = await bring_in(bench, body, dry_run=True)
    row = await bring_in(bench, body)
    codes = [(one["line"], one["errors"][0]["code"]) for one in await rejects(bench, row) if one["line"] != 4]

    assert counts(row) == {"accepted": 1, "duplicates": 4, "conflicts": 4, "rejected": 1}
    assert counts(foreseen) == counts(row)
    assert codes == [(5, "conflict"), (6, "conflict"), (7, "conflict"), (10, "conflict")]
    await bench.relay()
    assert sorted(one["value"] or 0 for one in await bench.events(acme)) == [0, 1, 1]
    posted = await bench.client.post("/events", content=json.dumps(event(801, acme, value=3)), headers=JSON)
    assert posted.json()["conflicts"] == 1


async def test_the_same_word_from_the_future_or_of_somebody_forgotten_is_no_conflict(bench: Bench) -> None:
    body = [
        event(811, "external:again", occurred_at="9999-12-31T23:59:59Z"),
        event(812, "external:again", occurred_at="1950-01-01T00:00:00Z"),
        event(813, "external:again", actor="gone@again.example"),
        event(814, "external:again", value="gone@again.example"),
    ]
    await bring_in(bench, lines(body))
    await bring_in(bench, lines([event(815, "external:again", properties={"who": "gone@again.example"})]))
    await bench.client.post("/erasures", json={"person": "gone@again.example", "reason": "they asked"})
    await drain(bench.pool, bench.service.erasing.lane)
    blanked = await bench.pool.fetchval("select count(*) from ingest.event where value_text = 'gone@again.example'")
    row = await bring_in(bench, lines(body))
    assert (blanked, counts(row)) == (0, {"duplicates": 4})
