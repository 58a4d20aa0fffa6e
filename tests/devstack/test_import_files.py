"""Claims about the files that `milepost import` reads: every row becomes one line, found again by its place."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import duckdb
import pytest

from milepost_devstack.importing.columns import ColumnsUnclear, Wishes, plan, wishes
from milepost_devstack.importing.files import LINE_LIMIT, JsonLines, NotReadable, Opened, Rows, fingerprint
from milepost_devstack.importing.parquet import Parquet
from milepost_devstack.importing.tables import Csv

PLAIN = Wishes({}, {})
HEADER = "id,type,account,occurred_at,value,properties.plan\n"
ROW = "e1,feature.used,external:a,2025-03-01T09:30:00Z,12.5,pro\n"
EVENT = {
    "id": "e1", "type": "feature.used", "account": "external:a", "occurred_at": "2025-03-01T09:30:00Z", "value": 12.5,
    "properties": {"plan": "pro"},
}  # fmt: skip


def csv_of(tmp_path: Path, content: bytes | str, wanted: Wishes = PLAIN, **more: str) -> Csv:
    path = tmp_path / "events.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Csv(Opened(path), wanted, **more)


def read(rows: Rows, skip: int = 0) -> list[Any]:
    return [json.loads(line) for line in rows.lines(skip)]


@pytest.mark.parametrize(
    "content",
    [
        HEADER + ROW,
        "\ufeff" + HEADER + ROW,
        (HEADER + ROW).encode("utf-16"),
        (HEADER + ROW).replace("\n", "\r\n"),
        (HEADER + ROW).replace(",", ";"),
        (HEADER + ROW).replace(",", "\t"),
        HEADER.replace("occurred_at", " Occurred At ") + ROW,
        HEADER + "\n" + ROW + "\n\n",
    ],
)
def test_a_row_is_an_event_however_the_table_is_written(tmp_path: Path, content: bytes | str) -> None:
    assert read(csv_of(tmp_path, content)) == [EVENT]


def test_a_packed_file_is_unpacked_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "events.csv.gz"
    path.write_bytes(gzip.compress((HEADER + ROW).encode()))
    rows = Csv(Opened(path), PLAIN)
    assert read(rows) == [EVENT]
    assert rows.read() > 0


def cut(tmp_path: Path, name: str, content: bytes, kept: float) -> Path:
    """Write a packed file of which only a part is there."""
    packed = gzip.compress(content, mtime=0)
    path = tmp_path / name
    path.write_bytes(packed[: int(len(packed) * kept)])
    return path


def test_a_packed_file_that_breaks_off_gives_its_whole_lines_and_says_so(tmp_path: Path) -> None:
    numbers = random.Random(1)
    content = b"".join(b'{"id":"%x"}\n' % numbers.getrandbits(200) for _ in range(20_000))
    rows = JsonLines(Opened(cut(tmp_path, "events.jsonl.gz", content, 0.7)))
    read_lines = list(rows.lines(0))
    assert 10_000 < len(read_lines) < 15_000
    assert read_lines == content.split(b"\n")[: len(read_lines)]
    assert rows.broken_off().startswith(f"{tmp_path}/events.jsonl.gz breaks off behind ")
    whole = JsonLines(Opened(cut(tmp_path, "whole.jsonl.gz", content, 1)))
    assert (len(list(whole.lines(0))), whole.broken_off()) == (20_000, "")


def test_a_row_that_the_break_left_open_is_not_read(tmp_path: Path) -> None:
    numbers = random.Random(2)
    row = 'e%d,x,external:a,t,"%x\n%x",pro\n'
    content = HEADER + "".join(row % (one, numbers.getrandbits(400), numbers.getrandbits(400)) for one in range(3_000))
    everything = read(csv_of(tmp_path, content))
    for kept in range(50, 62):
        rows = Csv(Opened(cut(tmp_path, "events.csv.gz", content.encode(), kept / 100)), PLAIN)
        found = read(rows)
        assert rows.broken_off()
        assert found == everything[: len(found)]
        assert len(found) > 1_000


def test_what_is_not_packed_at_all_is_said_to_be_so(tmp_path: Path) -> None:
    for name, content in (("a.jsonl.gz", b"junk"), ("b.csv.gz", b"junk"), ("c.jsonl.gz", gzip.compress(b"{}\n")[:5])):
        (tmp_path / name).write_bytes(content)
        opened = Opened(tmp_path / name)
        rows: Rows = JsonLines(opened) if "jsonl" in name else Csv(opened, PLAIN)
        with pytest.raises(NotReadable, match="cannot be unpacked"):
            list(rows.lines(0))


def test_empty_cells_are_left_out_and_surplus_cells_are_shown_to_the_service(tmp_path: Path) -> None:
    short, long = read(csv_of(tmp_path, HEADER + "e1,feature.used,,\ne2,x,external:a,t,,,surplus\n"))
    assert short == {"id": "e1", "type": "feature.used"}
    assert long["column 7"] == "surplus"


def test_bytes_that_are_no_text_arrive_as_they_are(tmp_path: Path) -> None:
    rows = csv_of(tmp_path, HEADER.encode() + b"e\xff,x,external:a,t,,\n")
    (line,) = rows.lines(0)
    assert b'"id":"e\xff"' in line
    latin = csv_of(tmp_path, HEADER.encode() + b"e\xe9,x,external:a,t,,\n", encoding="latin-1")
    assert read(latin)[0]["id"] == "e\u00e9"


def test_rows_are_found_again_by_number_and_line_when_cells_span_lines(tmp_path: Path) -> None:
    rows = csv_of(tmp_path, HEADER + '"e\n1",a,b,c,,\n\n"e2",a,b,c,,\n"e\n\n3",a,b,c,,\ne4,a,b,c,,\n')
    assert rows.places([1, 2, 4]) == {1: "row 1, line 2", 2: "row 2, line 5", 4: "row 4, line 9"}
    assert [one["id"] for one in read(rows, skip=2)] == ["e\n\n3", "e4"]


def test_a_quote_that_is_never_closed_is_named_by_its_line(tmp_path: Path) -> None:
    rows = csv_of(tmp_path, HEADER + ROW + 'e2,"open' + "\nx" * LINE_LIMIT)
    with pytest.raises(NotReadable, match=r"line 3: .*quotation mark"):
        read(rows)


def test_columns_are_mapped_fixed_and_typed(tmp_path: Path) -> None:
    wanted = wishes(
        ["key=id", "when=occurred_at", "seats=properties.seats:number", "zip=properties.zip", "note="],
        ["type=training.completed"],
        "customer",
        "external:",
        "refuse",
    )
    content = (
        "key,when,customer,seats,zip,note,properties\n1,2025-03-01T00:00:00Z,4711,12,00123,x," + '"{""a"": [1]}"\n'
    )
    assert read(csv_of(tmp_path, content, wanted)) == [
        {
            "type": "training.completed",
            "id": "1",
            "occurred_at": "2025-03-01T00:00:00Z",
            "account": "external:4711",
            "properties": {"seats": 12.0, "zip": "00123", "a": [1]},
        }
    ]


@pytest.mark.parametrize(
    ("names", "wanted", "said"),
    [
        (["id", "type", "account"], PLAIN, "no column becomes occurred_at"),
        (["id", "type", "account", "occurred_at", "foo"], PLAIN, "no field is called foo"),
        (["id", "type", "account", "occurred_at", "ID"], PLAIN, "more than one column becomes id"),
        (["id"], Wishes({"nope": "type"}, {}), "there is no column nope"),
    ],
)
def test_columns_that_do_not_say_what_they_mean_are_refused(names: list[str], wanted: Wishes, said: str) -> None:
    with pytest.raises(ColumnsUnclear, match=said):
        plan(names, wanted)


def test_other_columns_become_properties_or_nothing_when_asked() -> None:
    names = ["id", "type", "account", "occurred_at", "plan"]
    row = ["1", "t", "external:a", "now", "pro"]
    assert json.loads(plan(names, Wishes({}, {}, others="properties")).line(row))["properties"] == {"plan": "pro"}
    assert "properties" not in json.loads(plan(names, Wishes({}, {}, others="ignore")).line(row))


@pytest.mark.parametrize("bad", [("x", "--map x"), ("a=vlaue", "--map a=vlaue"), ("a=properties.", "properties.NAME")])
def test_a_mapping_that_is_none_is_refused(bad: tuple[str, str]) -> None:
    with pytest.raises(ColumnsUnclear, match=bad[1]):
        wishes([bad[0]], [], "", "", "refuse")


def test_json_lines_stay_as_they_are_and_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\xef\xbb\xbf{}\r\n\n" + b"x" * (3 * LINE_LIMIT) + b"\nlast")
    rows = JsonLines(Opened(path))
    first, blank, long, last = rows.lines(0)
    assert (first, blank, last) == (b"{}", b"", b"last")
    assert LINE_LIMIT < len(long) <= LINE_LIMIT + 2
    assert list(rows.lines(3)) == [b"last"]
    path.write_bytes("{}\n".encode("utf-16"))
    with pytest.raises(NotReadable, match="UTF-16"):
        list(rows.lines(0))


def test_parquet_rows_are_events_with_times_in_utc(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select i::int as id, 'feature.used' as type, 'external:a' as account, timestamp"
            " '2025-03-01 09:30:00.25' + interval (i) hour as occurred_at, i::decimal(9, 2) as value,"
            " 'u' || i as actor, {'a': [i], 'b': null} as properties, 'nan'::double as"
            " \"properties.share\", date '2025-03-01'"
            f" as \"properties.day\" from range(3) t(i)) to '{path}' (format parquet)"
        )
    rows = Parquet(path, PLAIN)
    assert rows.total() == 3
    assert read(rows, skip=1)[0] == {
        "id": "1",
        "type": "feature.used",
        "account": "external:a",
        "occurred_at": "2025-03-01T10:30:00.250000Z",
        "value": 1.0,
        "actor": "u1",
        "properties": {"a": [1], "b": None, "day": "2025-03-01T00:00:00Z"},
    }
    assert rows.read() == 1.0
    path.write_bytes(b"no parquet")
    with pytest.raises(NotReadable, match="as Parquet"):
        read(Parquet(path, PLAIN))


def test_a_fingerprint_tells_the_same_file_with_the_same_options(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(HEADER)
    parts: list[float] = []
    first = fingerprint(path, ["a=b"], parts.append)
    assert first == fingerprint(path, ["a=b"], parts.append)
    assert first != fingerprint(path, ["a=c"], parts.append)
    assert parts[-1] == 1.0
    with pytest.raises(NotReadable, match="cannot read"):
        fingerprint(tmp_path / "missing", [], parts.append)
