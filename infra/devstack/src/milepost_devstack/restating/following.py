"""Orders a restatement from the scoring API and follows it to its end; it computes no score."""

import sys
import time
from collections.abc import Mapping
from typing import Any

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from milepost_devstack.consoles import plain_console
from milepost_devstack.refusal import Refusal

_LOOK_EVERY_S = 0.3
_OVER = ("done", "failed", "cancelled")


class NotRestated(Refusal):
    """The scoring API did not take the order, or does not say how it goes; the message says why."""


def wanted(from_day: str, to_day: str, every: int, model: str) -> dict[str, Any]:
    """Return the order as the API takes it. Raises NotRestated for a model that is not written ID@N."""
    order: dict[str, Any] = {"every_days": every}
    order |= {"from": from_day} if from_day else {}
    order |= {"to": to_day} if to_day else {}
    if model:
        name, at, version = model.rpartition("@")
        if not at or not name or not version.isascii() or not version.isdigit():
            raise NotRestated(f"--model {model}: write it ID@N, such as b2b-onboarding@2.")
        order["model"] = {"id": name, "version": int(version)}
    return order


def follow(where: tuple[str, str], order: Mapping[str, Any], *, wait: bool, quiet: bool) -> dict[str, Any]:
    """Order a restatement; with `wait`, show how it goes until it is over. Raises NotRestated."""
    url, key = where
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
        row = _answer(client, "POST", "/restatements", dict(order))
        return _watched(client, row, quiet=quiet) if wait else row


def _watched(client: httpx.Client, row: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[points]:,} points"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=plain_console(stderr=True),
        disable=quiet or not sys.stderr.isatty(),
        transient=True,
    )
    with bar:
        task = bar.add_task("restating", total=None, points=0)
        while row["state"] not in _OVER:
            time.sleep(_LOOK_EVERY_S)
            row = _answer(client, "GET", f"/restatements/{row['id']}")
            total = row["accounts"] or None
            bar.update(task, completed=row["accounts_done"], total=total, points=row["points"])
    return row


def _answer(client: httpx.Client, method: str, path: str, body: Any = None) -> dict[str, Any]:
    try:
        answer = client.request(method, path, json=body)
    except httpx.HTTPError as error:
        raise NotRestated(f"the scoring API does not answer ({error}): see 'milepost logs scoring-api'.") from error
    try:
        row = answer.json()
    except ValueError:
        row = {}
    if answer.status_code not in (200, 202) or not isinstance(row, dict):
        errors = "; ".join(f"{one['pointer']} {one['detail']}" for one in row.get("errors") or ())
        raise NotRestated(f"{answer.status_code}: {row.get('detail', answer.text[:200])} {errors}".strip())
    return row


def show(row: Mapping[str, Any]) -> None:
    """Print how it went."""
    model = row.get("model")
    by = f"{model['id']} {model['version']}" if model else "the models in charge"
    rate = f", {row['rate']:,.0f} accounts/s" if row.get("rate") else ""
    reason = f": {row['reason']}" if row.get("reason") else ""
    print(f"{row['state']}{reason} · {row['from']} to {row['to']} by {by}")
    print(f"{row['accounts_done']:,} of {row['accounts']:,} accounts, {row['points']:,} points{rate}")
