"""The words at the end of a start: three links and one call that works; never a log line."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote


def welcome(endpoints: Mapping[str, Any], example: str | None, seconds: float) -> str:
    """The text for people; `example` is an account worth looking at, when there is one."""
    scoring = endpoints.get("scoring_api", "")
    mailbox = str(endpoints["mailbox"]).removesuffix("messages")
    account = f"/accounts/{quote(example, safe='')}" if example else ""
    path = f"{account}/health" if account else "/accounts"
    second = (
        ("one score, explained", f"{scoring}/app{account}") if account else ("the API, explained", f"{scoring}/docs")
    )
    lines = [
        "",
        f"Ready after {seconds:.1f} s. Ctrl-C stops everything in order.",
        "",
        f"  accounts and scores   {scoring}/",
        f"  {second[0]:<22}{second[1]}",
        f"  mails that were sent  {mailbox}",
        "",
        f"  curl -H 'Authorization: Bearer {endpoints['admin_key']}' '{scoring}{path}'",
        "",
    ]
    return "\n".join(lines)
