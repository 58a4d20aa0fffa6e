"""The mailbox as pages for people, without a script; what a mail says is escaped or shut in a sandboxed frame."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from milepost_devstack.mailbox.letters import Letter

_STYLE = files(__package__ or "").joinpath("style.css").read_text(encoding="utf-8")


def index(letters: Sequence[Letter]) -> str:
    """Every mail in one list, newest first."""
    count = f"{len(letters)} mail{'' if len(letters) == 1 else 's'}"
    body = (
        f'<ol class="mails">{"".join(_row(letter) for letter in letters)}</ol>'
        if letters
        else '<p class="empty">No mail yet. What a playbook sends to a customer lands here, and nowhere else.</p>'
    )
    return _page(
        "Mailbox",
        f"<h1>Development mailbox</h1><p>{count}, newest first. Nothing leaves this machine. "
        '<a href="/">Look again</a> · <a href="/messages">as JSON</a></p>',
        body,
    )


def letter(one: Letter) -> str:
    """One mail: its text, its HTML as the reader would see it, its headers."""
    parts = []
    if one.text is not None:
        parts.append(f"<section><h2>Text</h2><pre>{escape(one.text)}</pre></section>")
    if one.html is not None:
        # An empty sandbox: no script, no form, no navigation, an origin of its own.
        parts.append(
            '<section><h2>HTML</h2><iframe sandbox="" title="HTML part of this mail" '
            f'srcdoc="{escape(one.html)}"></iframe></section>'
        )
    headers = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in one.headers.items())
    return _page(
        one.subject or "(no subject)",
        f'<p><a href="/">← all mails</a></p><h1>{escape(one.subject or "(no subject)")}</h1>',
        f"<dl><dt>From</dt><dd>{escape(one.sender)}</dd><dt>To</dt><dd>{escape(', '.join(one.recipients))}</dd>"
        f"<dt>Received</dt><dd>{_time(one)}</dd></dl>{''.join(parts)}"
        f"<details><summary>All headers</summary><dl>{headers}</dl></details>"
        f'<p><a href="/messages/{escape(one.id)}">as JSON</a> · '
        f'<a href="/messages/{escape(one.id)}/raw">as a file</a></p>',
    )


def gone() -> str:
    """A mail that is not here."""
    return _page(
        "No such mail",
        "<h1>No such mail</h1>",
        '<p>It was deleted, or never arrived. <a href="/">All mails</a></p>',
    )


def _row(one: Letter) -> str:
    start = " ".join((one.text or "").split())[:160]
    return (
        f'<li><a href="/view/{escape(one.id)}"><span class="subject">{escape(one.subject or "(no subject)")}</span>'
        f'<span class="when">{_time(one)}</span>'
        f'<span class="people">{escape(one.sender)} to {escape(", ".join(one.recipients))}</span>'
        f'<span class="start">{escape(start)}</span></a></li>'
    )


def _time(one: Letter) -> str:
    return (
        f'<time datetime="{one.received_at.isoformat(timespec="seconds")}">'
        f"{one.received_at:%d} {one.received_at:%b %Y, %H:%M:%S} UTC</time>"
    )


def _page(title: str, head: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)} · Milepost</title><style>{_STYLE}</style></head>"
        f'<body><a class="skip" href="#content">Skip to content</a><header>{head}</header>'
        f'<main id="content">{body}</main></body></html>'
    )
