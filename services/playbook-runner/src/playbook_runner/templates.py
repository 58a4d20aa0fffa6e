"""Templates of playbooks: a small language inside a sandbox; it never calls, includes, imports or computes.

What an author may write: names and their attributes, a fixed list of filters, `if`, comparisons, and one level of
`for` over a list that we hand in. Everything else is refused when the playbook is saved, by its syntax tree, and the
sandbox refuses again when the mail is rendered.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from milepost_core.playbooks.parsing import Problem

MOST_RESULT = 256 * 1024
FILTERS = frozenset(
    {"capitalize", "default", "e", "escape", "first", "join", "length", "lower", "round", "title", "upper"}
)
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Const, nodes.Filter, nodes.If,
    nodes.For, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Getitem,
)  # fmt: skip
_LINK = re.compile(r"""(?:href|src)\s*=\s*["']?\s*(?!https?:|mailto:|\{\{)[a-z][a-z0-9+.-]*:""", re.IGNORECASE)


class TemplateFailed(Exception):
    """The template could not be rendered with what is known of the account; nothing of it may be sent."""


def _environment(*, escape: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=escape, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.globals.clear()
    for name in [name for name in environment.filters if name not in FILTERS]:
        del environment.filters[name]
    return environment


_TEXT = _environment(escape=False)
_HTML = _environment(escape=True)


def render(source: str, view: Mapping[str, Any], *, html: bool) -> str:
    """Return the template filled with the view; values are escaped in HTML.

    Raises TemplateFailed for a name that the view lacks, a refused operation or a result over 256 KiB.
    """
    try:
        pieces: list[str] = []
        size = 0
        for piece in _for(html).from_string(source).generate(view):
            size += len(piece)
            if size > MOST_RESULT:
                raise TemplateFailed(f"the result is over {MOST_RESULT} characters")
            pieces.append(piece)
    except TemplateError as error:
        raise TemplateFailed(f"{type(error).__name__}: {error.message}"[:300]) from None
    return "".join(pieces)


def check(source: str, pointer: str, specimens: Sequence[Mapping[str, Any]], *, html: bool) -> Iterator[Problem]:
    """Yield what is wrong with a template; a trial with each specimen finds names that accounts lack."""
    try:
        tree = _for(html).parse(source)
    except TemplateError as error:
        yield Problem(pointer, "template_syntax", f"{error.message} (line {getattr(error, 'lineno', 1)})")
        return
    refused = list(_refused(tree, pointer))
    if html and _LINK.search(source):
        refused.append(Problem(pointer, "template_link", "links begin with https:, http: or mailto:"))
    if refused:
        yield from refused
        return
    try:
        for specimen in specimens:
            render(source, specimen, html=html)
    except TemplateFailed as error:
        yield Problem(pointer, "template_variable", str(error))


def _for(html: bool) -> ImmutableSandboxedEnvironment:
    return _HTML if html else _TEXT


def _refused(tree: nodes.Template, pointer: str) -> Iterator[Problem]:
    for node in _walk(tree, 0, pointer):
        if isinstance(node, Problem):
            yield node
        elif not isinstance(node, _ALLOWED):
            word = type(node).__name__.lower()
            yield Problem(pointer, "template_syntax", f"{word} is not part of the language (line {node.lineno})")
        elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            yield Problem(pointer, "template_syntax", f"{node.attr} cannot be read (line {node.lineno})")
        elif isinstance(node, nodes.Getitem) and not _numbered(node):
            yield Problem(pointer, "template_syntax", f"only list positions go into brackets (line {node.lineno})")
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            yield Problem(pointer, "template_syntax", f"there is no filter {node.name} (line {node.lineno})")


def _numbered(node: nodes.Getitem) -> bool:
    return isinstance(node.arg, nodes.Const) and type(node.arg.value) is int


def _walk(node: nodes.Node, depth: int, pointer: str) -> Iterator[nodes.Node | Problem]:
    """Yield every node below; loops inside loops could write without bound and are refused here."""
    for child in node.iter_child_nodes():
        loops = depth + isinstance(child, nodes.For)
        if loops > 1:
            yield Problem(pointer, "template_syntax", f"a loop inside a loop (line {child.lineno})")
            continue
        if isinstance(child, nodes.For) and not isinstance(child.iter, nodes.Name | nodes.Getattr):
            yield Problem(pointer, "template_syntax", f"loops go over a list by its name (line {child.lineno})")
            continue
        yield child
        yield from _walk(child, loops, pointer)
