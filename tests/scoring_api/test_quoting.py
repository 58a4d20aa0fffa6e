"""Claims about typed values on pages: isolated, without direction controls, clipped with more of them in a title."""

import re
from collections.abc import AsyncIterator
from html import unescape
from uuid import UUID

import httpx
import pytest
from support.health_documents import days, document
from support.scoring_web import keep, running

from scoring_api.pages import evidence, quoting
from scoring_api.pages.portfolio import Asked, choices

TURNED = "Acme \N{RIGHT-TO-LEFT OVERRIDE}gro.liam\N{POP DIRECTIONAL ISOLATE}"
NAMED = UUID(int=201)
PAGES = ("/app/", f"/app/accounts/{NAMED}", f"/app/accounts/{NAMED}/evidence/milestones")


@pytest.fixture(scope="module")
async def visitor(database_url: str, redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    who = {"id": NAMED, "name": TURNED, "segment": TURNED, "stage": TURNED, "owner": TURNED,
           "references": [f"external:{TURNED}"]}  # fmt: skip
    async with running(database_url, redis_url, "development") as made, made.client() as client:
        await keep(made.owner, document(account=who), days())
        yield client


def test_a_value_as_long_as_allowed_is_shown_whole_and_a_longer_one_is_clipped() -> None:
    assert quoting.typed("x" * 120) == f"<bdi>{'x' * 120}</bdi>"
    assert quoting.typed("x" * 121) == f'<bdi title="{"x" * 121}">{"x" * 119}…</bdi>'


def test_what_a_title_holds_is_bounded() -> None:
    shown = re.fullmatch(r'<bdi title="(.*)">(.*)</bdi>', quoting.typed("y" * 5000))

    assert shown is not None
    assert (len(shown[1]), len(shown[2])) == (1000, 120)


@pytest.mark.parametrize("control", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_no_control_that_could_end_the_isolation_is_left(control: str) -> None:
    assert quoting.typed(f"a{control}b") == "<bdi>ab</bdi>"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\x1c", "\x85", "\u2029"])
def test_nothing_ends_the_paragraph_inside_a_value(ending: str) -> None:
    assert quoting.flat(f"a{ending}b") == "a b"


def test_right_to_left_letters_and_their_marks_stay() -> None:
    assert quoting.typed("\u200fחברה\u200e") == "<bdi>\u200fחברה\u200e</bdi>"


def test_markup_in_a_value_is_text_also_in_its_title() -> None:
    shown = quoting.typed('"><script>' + "z" * 200)

    assert "<script" not in shown
    assert shown.count('"') == 2


def test_a_filter_sends_the_whole_value_and_shows_a_short_one() -> None:
    name = "s" * 5000
    (option,) = choices(Asked(), {"segment": [name], "stage": [], "owner": []})[1].options[1:]

    assert (option.value, len(option.label)) == (name, 60)


@pytest.mark.parametrize("path", PAGES)
async def test_every_typed_value_on_a_page_is_isolated(visitor: httpx.AsyncClient, path: str) -> None:
    """Outside of the isolated values the name is met only in options and titles, which hold nothing else."""
    page = unescape((await visitor.get(path)).text)
    rest = re.sub(r"<bdi>.*?</bdi>|<option.*?</option>|<title.*?</title>", "", page, flags=re.DOTALL)

    assert "<bdi>Acme gro.liam</bdi>" in page
    assert "gro.liam" not in rest
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in re.sub(r'<option value="[^"]*"', "", page)


@pytest.mark.parametrize("path", PAGES[1:])
async def test_the_title_of_a_page_holds_no_direction_controls(visitor: httpx.AsyncClient, path: str) -> None:
    title = re.search(r"<title>(.*?)</title>", (await visitor.get(path)).text)

    assert title is not None
    assert "Acme gro.liam" in title[1]


@pytest.mark.parametrize(
    ("target", "unit", "shown"),
    [("0", "tickets", "0 tickets"), ("30 days or less", "days", "30 days or less"), ("", "days", "none told")],
)
def test_a_target_in_words_does_not_repeat_its_unit(target: str, unit: str, shown: str) -> None:
    rule = {"target": target, "unit": unit, "measures": {"agg": "count"}, "becomes": {"curve": "band"},
            "dimension": "support", "weight": 1}  # fmt: skip

    assert dict(evidence.rule_rows(rule))["Target"] == shown
