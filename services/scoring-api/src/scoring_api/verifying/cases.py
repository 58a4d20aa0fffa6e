"""Reads worked examples from a file: what each one gives, and what it expects; it computes nothing.

Whatever an example says that has no meaning here is told by name: nothing of it is passed over in silence.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from milepost_core.model import DOCUMENT_FORMAT
from scoring_api.verifying.moments import NoMoment, instant, required

Json = Mapping[str, Any]
FORMAT = "score-known-answers/"
TOLERANCE = 1e-6
LARGEST_FILE = 512 * 1024 * 1024
# Words about an example, for people.
REMARKS = frozenset(
    {"id", "title", "name", "notes", "note", "description", "comment", "comments", "remark", "remarks", "tags", "tag",
     "group", "section", "source", "reference", "seed", "why", "says", "kind", "category", "rounding", "versions"}
)  # fmt: skip
_ONE_MOMENT = ("as_of", "at", "T", "t")
_EARLIER = ("as_of_0", "as_of0", "as_of_before", "as_of_from", "as_of_1st", "from", "t0", "T0", "since", "compare_to",
            "compare_with", "previous_as_of", "before")  # fmt: skip
_LATER = ("as_of_1", "as_of1", "as_of_after", "as_of_to", "to", "t1", "T1", "as_of", "after")
_SEVERAL = ("as_of", "as_ofs", "between", "dates", "moments")
GIVEN = ("target", "units", "baseline_signals", "baseline")
OVERRIDES = ("override", "overrides")
COHORT = ("cohort", "peers", "cohort_values")
ACCOUNT_LISTS = ("events", "items", "milestones", "tickets", "tasks", "invoices")
_OF_KIND = {"tickets": "ticket", "tasks": "task", "invoices": "invoice"}
_MOMENT_WORDS = frozenset({*_ONE_MOMENT, *_EARLIER, *_LATER, *_SEVERAL})


class FileNotUnderstood(Exception):
    """This file holds no worked examples of scores; the text says why."""


class NotUnderstood(Exception):
    """An example says something that has no meaning here; the text names it."""


@dataclass(frozen=True)
class Case:
    """One example as its author wrote it, with its name and how far a number may be off."""

    id: str
    said: Json
    tolerance: float

    @property
    def title(self) -> str:
        """What the example shows, in its author's words."""
        return str(self.said.get("title") or self.said.get("notes") or "")


@dataclass(frozen=True)
class Story:
    """An example about accounts: histories, the moments asked for in order of time, and a model for each of these."""

    accounts: tuple[Json, ...]
    models: tuple[Json, ...]
    moments: tuple[datetime, ...]
    expected: Json
    peers: Mapping[str, list[float]] = field(default_factory=dict)
    overrides: tuple[Json, ...] = ()
    given: Json = field(default_factory=dict)


def read_file(path: Path) -> list[Case]:
    """Return the examples of a file: an object with `examples` (or `cases`), or a list. Raises FileNotUnderstood."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise FileNotUnderstood(f"{path} is larger than {LARGEST_FILE // 1024 // 1024} MB")
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FileNotUnderstood(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise FileNotUnderstood(f"{path} is not JSON ({error})") from None
    return read_cases(document, str(path))


def read_cases(document: Any, name: str) -> list[Case]:
    """Return the examples of a document. Raises FileNotUnderstood."""
    whole: Json = document if isinstance(document, Mapping) else {"examples": document}
    kind = str(whole.get("format", FORMAT))
    if not kind.startswith(FORMAT):
        raise FileNotUnderstood(f"{name} says that it is {kind!r}, not {FORMAT}…")
    found = whole.get("examples", whole.get("cases", [whole] if "expected" in whole else None))
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found) or not found:
        raise FileNotUnderstood(f"{name} holds no list 'examples' with an object for each example")
    tolerance = whole.get("tolerance", TOLERANCE)
    return [_case(one, place, tolerance) for place, one in enumerate(found)]


def _case(said: Json, place: int, tolerance: Any) -> Case:
    own = said.get("tolerance", tolerance)
    good = isinstance(own, int | float) and not isinstance(own, bool) and 0 < own < 1
    return Case(str(said.get("id") or said.get("name") or f"#{place + 1}"), said, float(own) if good else TOLERANCE)


def story_of(case: Case) -> Story:
    """Return an example about accounts in one shape, however it was written. Raises NotUnderstood."""
    said = case.said
    known = {"model", "models", "model_before", "model_after", "account", "accounts", "expected", "tolerance"}
    unknown_keys(said, known | REMARKS | _MOMENT_WORDS | {*GIVEN, *OVERRIDES, *COHORT}, "")
    accounts = tuple(_account(one, place) for place, one in _accounts(said))
    try:
        moments = tuple(_moments(said, required(accounts[0]["start_at"])))
    except NoMoment as error:
        raise NotUnderstood(f"/as_of: {error}") from None
    expected = said.get("expected")
    if not isinstance(expected, Mapping) or not expected:
        raise NotUnderstood("/expected: says nothing that could be compared")
    return Story(
        accounts=accounts,
        models=tuple(document(one, case.id) for one in _models(said, len(moments))),
        moments=moments,
        expected={key: value for key, value in expected.items() if key not in ("target", "units")},
        peers=_peers(said),
        overrides=tuple(_overrides(said)),
        given={key: source[key] for source in (said, expected) for key in GIVEN if key in source},
    )


def unknown_keys(said: Iterable[str], known: Iterable[str], pointer: str) -> None:
    """Raise NotUnderstood for the first key that has no meaning here; those that begin with `_` are remarks."""
    for key in said:
        if key not in known and not key.startswith("_"):
            raise NotUnderstood(f"{pointer}/{key}: has no meaning here")


def document(model: Json, name: str) -> Json:
    """Return a model as a whole document: examples leave out its format and its name."""
    return {"format": DOCUMENT_FORMAT, "id": "".join(c if c.isalnum() else "-" for c in name.lower()) or "m", **model}


def _accounts(said: Json) -> Iterator[tuple[str, Json]]:
    """Every account with where it stands: first the one that the example is about, then the others."""
    if isinstance(said.get("account"), Mapping):
        yield "account", said["account"]
    several = said.get("accounts")
    if isinstance(several, Mapping):
        yield from ((f"accounts/{key}", {"id": key, **one}) for key, one in several.items())
    elif isinstance(several, list):
        yield from ((f"accounts/{place}", one) for place, one in enumerate(several))
    elif not isinstance(said.get("account"), Mapping):
        raise NotUnderstood("/account: is missing")
    peers = _said_of_peers(said)
    if _are_accounts(peers):
        yield from ((f"cohort/{place}", one) for place, one in enumerate(peers))


def _said_of_peers(said: Json) -> Any:
    """What the example or its account says of the peers."""
    inside = said.get("account")
    places = (said, inside) if isinstance(inside, Mapping) else (said,)
    return next((place[key] for place in places for key in COHORT if key in place), None)


def _are_accounts(peers: Any) -> bool:
    return isinstance(peers, list) and bool(peers) and all(isinstance(one, Mapping) for one in peers)


def _account(account: Json, place: str) -> Json:
    """An account in one shape: every item in one list, with its kind."""
    for key, value in account.items():
        listed = key in (*ACCOUNT_LISTS, *OVERRIDES, *COHORT, "attributes", "expected")
        if not listed and not isinstance(value, str | int | float | None):
            raise NotUnderstood(f"/{place}/{key}: has no meaning here")
    start = account.get("start_at", account.get("started_at", account.get("start")))
    if start is None:
        raise NotUnderstood(f"/{place}/start_at: is missing")
    of_kind = [{"kind": kind, **one} for key, kind in _OF_KIND.items() for one in account.get(key) or []]
    plain = {key: value for key, value in account.items() if key not in (*_OF_KIND, *OVERRIDES, *COHORT)}
    return {**plain, "start_at": start, "items": [*(account.get("items") or []), *of_kind]}


def _models(said: Json, moments: int) -> Iterator[Json]:
    """A model for every moment: one for all, or one each."""
    several = said.get("models", said.get("model"))
    if "model_before" in said or "model_after" in said:
        several = [said.get("model_before", said.get("model")), said.get("model_after", said.get("model"))]
    listed = several if isinstance(several, list) else [several] * moments
    if len(listed) != moments or not all(isinstance(one, Mapping) for one in listed):
        raise NotUnderstood("/model: is missing, or not one for every moment")
    yield from listed


def _moments(said: Json, start: datetime) -> Iterator[datetime]:
    """The moments asked for. Raises NoMoment."""
    for key in _SEVERAL:
        listed = said.get(key)
        if isinstance(listed, Mapping):
            listed = list(listed.values())
        if isinstance(listed, list) and listed:
            yield from (required(one, start) for one in listed)
            return
    earlier, later = (next((said[key] for key in names if key in said), None) for names in (_EARLIER, _LATER))
    if earlier is not None and later is not None:
        yield from (required(earlier, start), required(later, start))
        return
    yield required(next((said[key] for key in _ONE_MOMENT if key in said), None), start)


def _peers(said: Json) -> dict[str, list[float]]:
    """The peers' raw values by signal, as far as the example names them."""
    given = _said_of_peers(said)
    if given is None or _are_accounts(given):
        return {}
    if isinstance(given, list):
        given = {_only_percentile(said): given}
    if not isinstance(given, Mapping):
        raise NotUnderstood("/cohort: names no values by signal")
    found: dict[str, list[float]] = {}
    for name, values in given.items():
        listed = values.get("values") if isinstance(values, Mapping) else values
        if not isinstance(listed, list) or not all(isinstance(one, int | float | None) for one in listed):
            raise NotUnderstood(f"/cohort/{name}: is no list of numbers")
        found[name] = [float(one) for one in listed if one is not None]
    return found


def _only_percentile(said: Json) -> str:
    signals = said.get("model", {}).get("signals", [])
    names = [str(one["id"]) for one in signals if one.get("normalise", {}).get("kind") == "percentile"]
    if len(names) != 1:
        raise NotUnderstood("/cohort: does not say of which signal its values are")
    return names[0]


def _overrides(said: Json) -> Iterator[Json]:
    inside = said.get("account") if isinstance(said.get("account"), Mapping) else {}
    for place in (said, inside or {}):
        for key in OVERRIDES:
            listed = place.get(key)
            yield from listed if isinstance(listed, list) else [listed] if listed else []


def moment_in(said: Json, *names: str) -> datetime | None:
    """Return the first of these moments that an object names. Raises NoMoment."""
    return next((instant(said[name]) for name in names if said.get(name) is not None), None)
