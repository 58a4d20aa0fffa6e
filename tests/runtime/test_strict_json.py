"""Claims about strict JSON: what two parsers could read differently is refused, quickly, by name."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_runtime.strict_json import BadBody, read_json


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_json"),
        (b"  \n", "bad_json"),
        (b'[{"a": 1', "bad_json"),
        (b"[1] trailing", "bad_json"),
        (b"[1] // comment", "bad_json"),
        (b"{'a': 1}", "bad_json"),
        (b"[NaN]", "bad_json"),
        (b"[-Infinity]", "bad_json"),
        (b"\xef\xbb\xbf[]", "bad_encoding"),
        ("[1]".encode("utf-16"), "bad_encoding"),
        ("[1]".encode("utf-32-le"), "bad_encoding"),
        (b'["\xc0\xaf"]', "bad_encoding"),
        (b'["\xed\xa0\x80"]', "bad_encoding"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'[{"x": {"a": 1, "a": 1}}]', "duplicate_key"),
        (b"[" * 65 + b"]" * 65, "too_deep"),
        (b"[" * 100_000, "too_deep"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
        (json.dumps({str(i): i for i in range(2_001)}).encode(), "too_wide"),
        (json.dumps(list(range(200_000))).encode(), "too_wide"),
        (b"[" + b"9" * 41 + b"]", "number_too_long"),
        (b"[" + b"9" * 5_000 + b"]", "number_too_long"),
    ],
)
def test_what_is_not_strict_json_is_refused_by_name(body: bytes, code: str) -> None:
    with pytest.raises(BadBody) as refused:
        read_json(body)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "body",
    [b"null", b'"text"', b"[]", b"1e999", b"[" * 64 + b"]" * 64, b'["' + b"[" * 100 + b'"]', b'["' + b"9" * 60 + b'"]'],
)
def test_what_merely_is_strange_is_read(body: bytes) -> None:
    assert read_json(body) == json.loads(body)


@pytest.mark.parametrize("body", [b'["' + b'\\"' * 500_000, b'"' + b"\\" * 1_000_001, b'["a' + b'",,"' * 200_000])
def test_hostile_text_of_a_megabyte_is_refused_within_a_second(body: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(BadBody):
        read_json(b"[" * 70 + body + b"9" * 50)
    assert time.perf_counter() - started < 1.0


@given(
    names=st.lists(st.sampled_from(["a", "b", 'c":', "d", "é", ""]), max_size=6),
    blanks=st.lists(st.sampled_from(["", " ", "\n", "\t"]), min_size=12, max_size=12),
    value=st.sampled_from(["1", '"x"', '"\\":"', '{"a":1}', '{"a" :1,"b":2}', "[]", '[{"a":1},{"a":2}]']),
)
def test_a_name_that_comes_twice_is_seen_however_it_is_written(names: list[str], blanks: list[str], value: str) -> None:
    ahead, behind = blanks[:6], blanks[6:]
    written = zip(names, ahead, behind, strict=False)
    body = "{" + ",".join(f"{json.dumps(name)}{one}:{other}{value}" for name, one, other in written) + "}"
    if len(set(names)) == len(names):
        assert read_json(body.encode()) == json.loads(body)
    else:
        with pytest.raises(BadBody) as refused:
            read_json(body.encode())
        assert refused.value.code == "duplicate_key"
