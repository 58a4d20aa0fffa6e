"""Reads documents in YAML or JSON as plain data and knows the line and column of everything in them.

It never builds what a few lines can unfold to gigabytes, and knows no document's own form: what is wrong with that is
told by whoever parses it, as `ModelProblem`s, which `Placed.mistakes` puts in their places.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
)

from milepost_core.model.normalisers import category_text
from milepost_core.model.problems import MOST_TOLD, ModelProblem, step_into

DEEPEST = 30
MOST_DIGITS = 1000
MOST_NODES = 20_000
_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})|$)")


@dataclass(frozen=True)
class Mistake:
    """One reason why a document cannot be used, or may not mean what it says; line and column count from 1."""

    line: int
    column: int
    pointer: str
    message: str
    expected: str = ""
    nearest: str | None = None
    code: str = "mistake"

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column} ({self.pointer or '/'}): {self.said}"

    @property
    def said(self) -> str:
        """What is wrong, what was expected, and the nearest right word, without the place."""
        expected = f", expected {self.expected}" if self.expected else ""
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{self.message}{expected}{hint}"


class Unreadable(Exception):
    """A text that is no document of plain data; `mistakes` says where and why, `more` how many are not named."""

    def __init__(self, mistakes: tuple[Mistake, ...], more: int = 0) -> None:
        super().__init__("; ".join(str(one) for one in mistakes))
        self.mistakes = mistakes
        self.more = more


@dataclass(frozen=True)
class Placed:
    """A document as its author wrote it, as plain data, and with the place of everything in it."""

    text: str
    document: dict[str, Any]
    problems: tuple[ModelProblem, ...]
    """What no store could keep: found while reading, to be told with the rest."""
    placed: CommentedMap = field(repr=False, compare=False)

    def place(self, pointer: str) -> tuple[int, int]:
        """Return line and column, from 1, of what a JSON pointer leads to; of its nearest parent if it is absent."""
        return _place_of(self.placed, pointer)

    def mistakes(self, problems: Iterable[ModelProblem]) -> tuple[Mistake, ...]:
        """Return problems with their places, in the order of the document."""
        found = (self._mistake(one) for one in problems)
        return tuple(sorted(found, key=lambda one: (one.line, one.column)))

    def _mistake(self, problem: ModelProblem) -> Mistake:
        line, column = self.place(problem.pointer)
        pointer, message = _sayable(problem.pointer), _sayable(problem.message)
        return Mistake(line, column, pointer, message, problem.expected, problem.nearest, problem.code)


def counted(told: Sequence[Mistake], more: int, what: str) -> tuple[Mistake, ...]:
    """Return what is told and, at the place of its last, how many more there are."""
    return (*told, Mistake(told[-1].line, told[-1].column, "", f"and {more} more {what}")) if more > 0 else (*told,)


def decoded(body: bytes) -> str:
    """Return a file or body in UTF-8 as text. Raises Unreadable."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        column = error.start - (body.rfind(b"\n", 0, error.start) + 1) + 1
        raise Unreadable((Mistake(line, column, "", "is not UTF-8"),)) from None


def read_document(text: str, most: int) -> Placed:
    """Return the one mapping that a text of at most `most` bytes holds; JSON may be in it too, as all JSON is YAML.

    Raises Unreadable for what is no YAML, uses anchors, merges or tags, is nested too deep, or is no mapping.
    """
    placed = _load(text, most)
    if not isinstance(placed, CommentedMap):
        raise Unreadable((Mistake(1, 1, "", "is not a mapping", "a mapping of keys"),))
    problems: list[ModelProblem] = []
    document = _plain(placed, "", problems)
    return Placed(text, document, tuple(problems), placed)


def _load(text: str, most: int) -> Any:
    if len(text.encode("utf-8", "surrogatepass")) > most:
        raise Unreadable((Mistake(1, 1, "", f"is longer than {most} bytes"),))
    if text.lstrip().startswith("{"):
        # JSON may be indented by tabs, YAML may not; inside of JSON's strings there are none.
        text = text.replace("\t", " ")
    try:
        refusing = _refused(YAML(typ="rt").parse(text))
        refused = tuple(islice(refusing, MOST_TOLD))
        if refused:
            raise Unreadable(refused, sum(1 for _ in refusing))
        return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Unreadable((Mistake(line, column, "", error.problem or "is not YAML"),)) from None
    except (YAMLError, RecursionError, ValueError) as error:
        raise Unreadable((Mistake(1, 1, "", f"is not YAML ({type(error).__name__})"),)) from None


def _refused(events: Iterator[Event]) -> Iterator[Mistake]:
    """Yield what YAML allows and a model document does not, before anything is built from it.

    What stands once and is read in many places cannot be pointed at; and a few lines of it can unfold to gigabytes.
    """
    depth = nodes = 0
    for event in events:
        here = (event.start_mark.line + 1, event.start_mark.column + 1, "")
        if isinstance(event, AliasEvent):
            yield Mistake(*here, f"refers to an anchor (*{event.anchor})", "everything written where it counts")
        elif isinstance(event, NodeEvent) and event.anchor:
            yield Mistake(*here, f"sets an anchor (&{event.anchor})", "everything written where it counts")
        elif isinstance(event, ScalarEvent) and event.style is None and (wrong := _wrong_scalar(event.value)):
            yield Mistake(*here, *wrong)
        elif isinstance(event, ScalarEvent | CollectionStartEvent) and _is_tagged(event):
            yield Mistake(*here, "carries a YAML tag", "plain texts, numbers, true, false, lists and mappings")
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            yield Mistake(*here, f"is nested deeper than {DEEPEST}", "a flatter document")
            return
        nodes += isinstance(event, NodeEvent)
        if nodes > MOST_NODES:
            yield Mistake(*here, f"has more than {MOST_NODES} keys and values", "a shorter document")
            return


def _wrong_scalar(text: str) -> tuple[str, str] | None:
    """Return why nothing can be made of what stands without quotes, and what can."""
    if text == "<<":
        return "merges one mapping into another (<<)", "everything written where it counts"
    if _is_endless(text):
        return f"is a number of {len(text)} digits", f"a number of at most {MOST_DIGITS}"
    if _is_no_day(text):
        return f"{text} is no date of the calendar", "a date that there is, or a text in quotes"
    return None


def _is_no_day(text: str) -> bool:
    """Say whether YAML takes a word for a date, with or without a time, that the calendar does not have."""
    found = _DATE.match(text)
    if found is None:
        return False
    try:
        datetime(*(int(part) for part in found.groups(default="0")))  # type: ignore[arg-type] # noqa: DTZ001 - no moment
    except ValueError:
        return True
    return False


def _is_endless(text: str) -> bool:
    # Python reads no number of so many digits, and no model needs one
    return len(text) > MOST_DIGITS and re.fullmatch(r"[-+]?[0-9_]+", text) is not None


def _is_tagged(event: Any) -> bool:
    # a quoted text carries a tag that nobody wrote: its own
    implicit = event.implicit if isinstance(event.implicit, bool) else any(event.implicit)
    return event.tag is not None and not implicit


def _plain(value: Any, pointer: str, problems: list[ModelProblem]) -> Any:
    """Return what YAML read as JSON would have it; dates as their text, keys as texts."""
    if isinstance(value, Mapping):
        return {_text(category_text(k), pointer, problems): _plain(v, step_into(pointer, category_text(k)), problems)
                for k, v in value.items()}  # fmt: skip
    if isinstance(value, list):
        return [_plain(one, step_into(pointer, n), problems) for n, one in enumerate(value)]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    return value.isoformat() if isinstance(value, date) else _text(str(value), pointer, problems)


def _text(text: str, pointer: str, problems: list[ModelProblem]) -> str:
    if "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text):
        return str(text)
    problems.append(ModelProblem(pointer, "holds a character that no store can keep", "a text without it"))
    return ""


def _sayable(text: str) -> str:
    """Return a text that can be sent: half of a character, as JSON can write it, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _place_of(document: CommentedMap, pointer: str) -> tuple[int, int]:
    here: Any = document
    place = (document.lc.line + 1, document.lc.col + 1)
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(here, CommentedMap):
            key = next((one for one in here if category_text(one) == name), None)
            found = None if key is None else here.lc.key(key)
            if found is None:
                break
            line, column = found
            here = here[key]
        elif isinstance(here, CommentedSeq) and name.isdecimal() and int(name) < len(here):
            line, column = here.lc.item(int(name))
            here = here[int(name)]
        else:
            break
        place = (line + 1, column + 1)
    return place
