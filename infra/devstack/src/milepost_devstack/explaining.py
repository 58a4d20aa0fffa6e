"""Ask the scoring API for an account's health and print it for people; never computes a score."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from milepost_devstack.consoles import plain_console
from milepost_devstack.refusal import Refusal
from milepost_devstack.state import StateFolder

# A band is carried by word and shape; colour only helps.
_SHAPES = {"green": ("●", "green"), "yellow": ("◆", "yellow"), "red": ("▲", "red"), "unknown": ("○", "dim")}


class NotExplained(Refusal):
    """There is no explanation to print; the message says why."""


def ask(state: StateFolder, account: str) -> dict[str, Any]:
    """The health document of an account, by our id or any reference. Raises NotExplained."""
    endpoints = state.endpoints()
    if endpoints is None:
        raise NotExplained(f"no house is up in {state.home}: start it with 'milepost up'.")
    url = f"{endpoints['scoring_api']}/accounts/{quote(account, safe='')}/health"
    try:
        answer = httpx.get(
            url, headers={"Authorization": f"Bearer {endpoints['admin_key']}"}, timeout=10, trust_env=False
        )
    except httpx.HTTPError as error:
        raise NotExplained(f"the scoring API does not answer ({error}): see 'milepost logs scoring-api'.") from error
    if answer.status_code != 200:
        raise NotExplained(f"{answer.status_code}: {_detail(answer)}")
    document: dict[str, Any] = answer.json()
    return document


def _detail(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return str(problem.get("detail") or problem.get("title"))
    except (ValueError, AttributeError):
        return answer.text[:200]


def show(document: Mapping[str, Any], console: Console | None = None) -> None:
    """Print score, reasons, what is missing and what would change it."""
    out = console or plain_console()
    account, band = document.get("account") or {}, str(document.get("band", "unknown"))
    shape, colour = _SHAPES.get(band, _SHAPES["unknown"])
    out.print(f"[bold]{escape(str(account.get('name') or account.get('id')))}[/bold]  [dim]{_about(account)}[/dim]")
    score = f"[bold]{_number(document.get('score'))}[/bold] of 100"
    out.print(f"[{colour}]{shape} {band}[/{colour}]  {score}   {_moving(document)}")
    _show_dimensions(document, out)
    _show_drivers(document, out)
    for item in document.get("missing") or ():
        out.print(f"[dim]missing[/dim]  {escape(str(item.get('signal')))}: {escape(str(item.get('why')))}")
    for step in (document.get("path") or {}).get("steps") or ():
        out.print(f"[dim]would help[/dim]  {escape(str(step.get('sentence') or step.get('signal') or step))}")
    model = document.get("model") or {}
    out.print(f"[dim]as of {document.get('as_of')} · model {escape(str(model.get('id')))} {model.get('version')}[/dim]")


def _about(account: Mapping[str, Any]) -> str:
    return escape(" · ".join(str(account[key]) for key in ("segment", "stage", "owner") if account.get(key)))


def _moving(document: Mapping[str, Any]) -> str:
    trend, confidence = document.get("trend") or {}, document.get("confidence") or {}
    words = [str(trend["word"])] if trend.get("word") else []
    if trend.get("change_7d") is not None:
        words.append(f"{_signed(trend['change_7d'])} in 7 days")
    if confidence.get("word"):
        words.append(f"confidence {confidence['word']}")
    return escape(" · ".join(words))


def _show_dimensions(document: Mapping[str, Any], out: Console) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="dim")
    table.add_column("dimension")
    table.add_column("weight", justify="right")
    table.add_column("score", justify="right")
    for row in document.get("dimensions") or ():
        table.add_row(
            escape(str(row.get("label") or row.get("id"))), _number(row.get("weight")), _number(row.get("score"))
        )
    if table.row_count:
        out.print(table)


def _show_drivers(document: Mapping[str, Any], out: Console) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("points", justify="right")
    table.add_column("reason")
    for row in document.get("drivers") or ():
        sentence = str(row.get("sentence") or row.get("label") or row.get("signal"))
        table.add_row(_signed(row.get("points")), escape(sentence))
    for row in document.get("gates") or ():
        table.add_row(_signed(row.get("points")), escape(str(row.get("sentence") or row.get("id"))))
    if document.get("baseline") is not None:
        table.add_row(_number(document["baseline"]), "where every account starts")
    if table.row_count:
        out.print(table)


def _number(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, int | float) else "–"


def _signed(value: Any) -> str:
    if not isinstance(value, int | float):
        return "–"
    return f"{value:+.1f}".replace("-", "−")
