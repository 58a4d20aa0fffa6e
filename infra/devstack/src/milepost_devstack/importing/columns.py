"""Says which column of a table becomes which field of an event; judging a value is never its business."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from milepost_devstack.refusal import Refusal

FIELDS = ("id", "type", "account", "occurred_at", "actor", "role", "item", "value", "properties")
_NEEDED = FIELDS[:4]
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?").fullmatch
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_INSIDE = "properties."


class ColumnsUnclear(Refusal):
    """The columns of a table do not say what they mean; the message names the options that do."""


@dataclass(frozen=True)
class Wishes:
    """What the owner says about columns: `renamed` by their names, `fixed` values of fields, a prefix for accounts.

    `others` says what becomes of columns that name no field: `properties`, `ignore` or `refuse`.
    """

    renamed: Mapping[str, str]
    fixed: Mapping[str, str]
    account_prefix: str = ""
    others: str = "refuse"


def wishes(pairs: Sequence[str], fixed: Sequence[str], account: str, prefix: str, others: str) -> Wishes:
    """Read the options `--map`, `--set`, `--account-column`, `--account-prefix`, `--others`; raises ColumnsUnclear."""
    if others not in ("properties", "ignore", "refuse"):
        raise ColumnsUnclear(f"--others {others}: say properties, ignore or refuse.")
    renamed = dict(_pair("--map", pair) for pair in pairs)
    for column, target in renamed.items():
        _check_target(f"--map {column}={target}", target.removesuffix(":number"))
    given = dict(_pair("--set", pair) for pair in fixed)
    for target in given:
        _check_target(f"--set {target}", target)
    return Wishes(renamed | ({account: "account"} if account else {}), given, prefix, others)


def _pair(option: str, text: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not equals or not left:
        raise ColumnsUnclear(f"{option} {text}: write it as left=right.")
    return left, right


def _check_target(what: str, target: str) -> None:
    if target and target not in FIELDS and not (target.startswith(_INSIDE) and len(target) > len(_INSIDE)):
        raise ColumnsUnclear(f"{what}: a field is one of {', '.join(FIELDS)} or properties.NAME.")


Put = Callable[[dict[str, Any], Any], None]


def plan(names: Sequence[str], wanted: Wishes) -> "Plan":
    """Return what turns rows of these columns into lines; raises ColumnsUnclear."""
    missing = [name for name in wanted.renamed if name not in names]
    if missing:
        raise ColumnsUnclear(f"there is no column {', '.join(missing)}; there is {', '.join(names)}.")
    targets = [_target(name, wanted) for name in names]
    unknown = [name for name, target in zip(names, targets, strict=True) if target is None]
    if unknown:
        hint = f"--map '{unknown[0]}=properties.{unknown[0]}', --others properties, or --others ignore"
        raise ColumnsUnclear(f"no field is called {', '.join(unknown)}: say what becomes of it ({hint}).")
    said = [target.removesuffix(":number") for target in targets if target]
    twice = sorted({target for target in said if said.count(target) > 1})
    if twice:
        raise ColumnsUnclear(f"more than one column becomes {', '.join(twice)}: leave one out (--map COLUMN=).")
    lacking = [field for field in _NEEDED if field not in said and field not in wanted.fixed]
    if lacking:
        raise ColumnsUnclear(
            f"no column becomes {', '.join(lacking)}: name it (--map COLUMN={lacking[0]}), or say what all rows"
            f" have (--set {lacking[0]}=VALUE)."
        )
    return Plan(tuple(_put(target, wanted) if target else None for target in targets), _fixed(wanted))


def _target(name: str, wanted: Wishes) -> str | None:
    """Return the field of a column, empty for none, None when nobody said."""
    if name in wanted.renamed:
        return wanted.renamed[name]
    plain = name.strip()
    if plain in FIELDS or plain.startswith(_INSIDE):
        return plain
    if plain.lower().replace(" ", "_") in FIELDS:
        return plain.lower().replace(" ", "_")
    return {"properties": f"{_INSIDE}{plain}", "ignore": ""}.get(wanted.others)


@dataclass(frozen=True)
class Plan:
    """What becomes of each column, in their order, and what every event has besides."""

    puts: tuple[Put | None, ...]
    fixed: str

    def line(self, row: Sequence[Any]) -> bytes:
        """Return a row as a line; bytes that were no text stay as they are, so that the service refuses them."""
        event: dict[str, Any] = json.loads(self.fixed)
        for put, cell in zip(self.puts, row, strict=False):
            if put is not None and cell is not None and cell != "":
                put(event, cell)
        for number in range(len(self.puts), len(row)):
            event[f"column {number + 1}"] = row[number]
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "surrogateescape")


def _fixed(wanted: Wishes) -> str:
    event: dict[str, Any] = {}
    for field, value in wanted.fixed.items():
        _put(field, wanted)(event, value)
    return json.dumps(event)


def _put(target: str, wanted: Wishes) -> Put:
    read = _reader(target, wanted)
    field = target.removesuffix(":number")
    if field.startswith(_INSIDE):
        name = field.removeprefix(_INSIDE)

        def put_inside(event: dict[str, Any], cell: Any) -> None:
            _join(event, {name: read(cell)})

        return put_inside

    def put(event: dict[str, Any], cell: Any) -> None:
        event[field] = read(cell)

    def put_all(event: dict[str, Any], cell: Any) -> None:
        _join(event, read(cell))

    return put_all if field == "properties" else put


def _join(event: dict[str, Any], more: Any) -> None:
    """Add properties to those of other columns; what is no object stays as it is, so that the service refuses it."""
    present = event.get("properties", {})
    whole = isinstance(present, dict) and isinstance(more, dict)
    event["properties"] = present | more if whole else more


def _reader(target: str, wanted: Wishes) -> Callable[[Any], Any]:
    if target == "account":
        return lambda cell: _account(str(cell), wanted.account_prefix)
    if target == "value" or target.endswith(":number"):
        return _number
    if target == "properties":
        return _document
    return _as_is if target.startswith(_INSIDE) else str


def _as_is(cell: Any) -> Any:
    return cell


def _account(text: str, prefix: str) -> str:
    return text if not prefix or text.startswith(prefix) or _UUID(text) else prefix + text


def _number(cell: Any) -> Any:
    return float(cell) if isinstance(cell, str) and _NUMBER(cell) else cell


def _document(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    try:
        return json.loads(cell)
    except ValueError:
        return cell
