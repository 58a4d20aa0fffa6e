"""Templates of playbooks: a small language inside a sandbox; it never calls, includes, imports or computes.

What an author may write: names and their attributes, a fixed list of filters, `if`, comparisons, and one level of
`for` over a list that we hand in. Everything else is refused when the playbook is saved, by its syntax tree, and the
sandbox refuses again when the mail is rendered. A name after a dot is a key of what we hand in and never an attribute
of an object, and only words, numbers and truths are written out. No piece can grow by more than a constant: a sandbox
is no limit of memory, so a filter that multiplies (`join` by a value, `round` to a millionth place) is not in the
language. Nor can one be so long in parts, branches or comparisons that compiling it takes long or goes too deep.
"""

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateRuntimeError, Undefined, nodes
from jinja2.filters import FILTERS as FILTERS_OF_JINJA
from jinja2.nodes import EvalContext
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from milepost_core.playbooks.parsing import Problem
from playbook_runner.actions.layout import MarkupRefused, lay_out

MOST_RESULT = 256 * 1024
MOST_SOURCE = 64 * 1024
MOST_DEPTH = 40
MOST_PARTS = 2000
MOST_BRANCHES = 100
MOST_COMPARED = 10
MOST_DECIMALS = 6
MOST_SEPARATOR = 20
# What the language of templates itself puts beside our names.
_WRITING = ("capitalize", "e", "escape", "join", "lower", "title", "upper")
_JOIN = FILTERS_OF_JINJA["join"]
_ITS_OWN = ("self", "super", "caller", "varargs", "kwargs")
_OF_LOOPS = ("first", "index", "last", "length")
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


class _Sandbox(ImmutableSandboxedEnvironment):
    """Knows keys of mappings by name and where a loop is, and nothing else of any object, such as its methods."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Undefined):
            return obj  # so that what fails says which name is not there
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, LoopContext) and attribute in _OF_LOOPS:
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)


def _written(value: Any) -> Any:
    """Return a value that may be written out; a list or a mapping is no text."""
    if value is None or isinstance(value, str | int | float | Undefined):
        return value
    raise TemplateRuntimeError(f"a {type(value).__name__} is no text")


def _of_texts(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that makes a text, for what is one alone, or for a list of such: else it would print objects."""

    @functools.wraps(filter_)
    def filtered(*given: Any) -> Any:
        for one in given:
            for part in one if isinstance(one, list) and filter_ is _JOIN else (one,):
                if not isinstance(part, EvalContext):
                    _written(part)
        return filter_(*given)

    return filtered


def _environment(*, escape: bool) -> ImmutableSandboxedEnvironment:
    environment = _Sandbox(
        undefined=StrictUndefined, autoescape=escape, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        finalize=_written,
    )  # fmt: skip
    environment.globals.clear()
    for name in [name for name in environment.filters if name not in FILTERS]:
        del environment.filters[name]
    for name in _WRITING:
        environment.filters[name] = _of_texts(environment.filters[name])
    return environment


_TEXT = _environment(escape=False)
_HTML = _environment(escape=True)


def render(source: str, view: Mapping[str, Any], *, html: bool) -> str:
    """Return the template filled with the view; values are escaped in HTML.

    Raises TemplateFailed for a name that the view lacks, a refused operation, a result over 256 KiB, or a template
    that goes too deep to be compiled.
    """
    try:
        pieces: list[str] = []
        size = 0
        for piece in _compiled(source, html).generate(view):
            size += len(piece)
            if size > MOST_RESULT:
                raise TemplateFailed(f"the result is over {MOST_RESULT} characters")
            pieces.append(piece)
    except TemplateError as error:
        raise TemplateFailed(f"{type(error).__name__}: {error.message}"[:300]) from None
    except (TypeError, ValueError, OverflowError) as error:
        # A filter or a comparison that does not fit its value, such as a number's `join`.
        raise TemplateFailed(f"{type(error).__name__}: {error}"[:300]) from None
    except (RecursionError, MemoryError, SyntaxError) as error:
        # What a saved template was spared by `check`: how deep Python goes hangs on who asks it.
        raise TemplateFailed(f"it cannot be compiled ({type(error).__name__})") from None
    return "".join(pieces)


def says_something(text: str) -> bool:
    """Tell whether anybody could read a text: blanks and what cannot be seen are none."""
    return any(unicodedata.category(one)[0] not in "CZ" for one in text)


# Compiling costs a hundred times what filling does, and a playbook's texts never change within a version.
@functools.lru_cache(maxsize=512)
def _compiled(source: str, html: bool) -> Template:
    return _for(html).from_string(source)


def check(
    source: str, pointer: str, specimens: Sequence[Mapping[str, Any]], *, html: bool, one_line: bool = False,
    required: bool = False,
) -> Iterator[Problem]:  # fmt: skip
    """Yield what is wrong with a template; a trial with each specimen finds names that accounts lack, and silence."""
    if len(source) > MOST_SOURCE:
        yield Problem(pointer, "template_too_large", f"a template has at most {MOST_SOURCE} characters")
        return
    try:
        tree = _for(html).parse(source)
    except TemplateError as error:
        yield Problem(pointer, "template_syntax", f"{error.message} (line {getattr(error, 'lineno', 1)})")
        return
    except RecursionError:
        yield Problem(pointer, "template_syntax", f"parts stand more than {MOST_DEPTH} deep in each other")
        return
    except (ValueError, OverflowError):
        yield Problem(pointer, "template_syntax", "a number in it is too long to be one")
        return
    refused = list(_refused(tree, pointer, one_line=one_line))
    if html and _LINK.search(source):
        refused.append(Problem(pointer, "template_link", "links begin with https:, http: or mailto:"))
    yield from refused or _tried(source, pointer, specimens, html=html, required=required)


def _tried(
    source: str, pointer: str, specimens: Sequence[Mapping[str, Any]], *, html: bool, required: bool
) -> Iterator[Problem]:
    try:
        filled = [render(source, specimen, html=html) for specimen in specimens]
        for text in dict.fromkeys(filled) if html else ():
            lay_out(text, "", title="")
    except MarkupRefused as error:
        yield Problem(pointer, "template_markup", str(error))
    except TemplateFailed as error:
        yield Problem(pointer, "template_variable", str(error))
    else:
        silent = next((one for one, text in zip(specimens, filled, strict=True) if not says_something(text)), None)
        if required and silent is not None:
            words = f"says nothing of an account that is {silent['band']}, and a person may start it for any:"
            yield Problem(pointer, "template_empty", f"{words} give what is always said, as in {{% else %}}")


def _for(html: bool) -> ImmutableSandboxedEnvironment:
    return _HTML if html else _TEXT


def _refused(tree: nodes.Template, pointer: str, *, one_line: bool) -> Iterator[Problem]:
    for count, node in enumerate(_walk(tree, 0, pointer)):
        if count == MOST_PARTS:
            yield Problem(pointer, "template_syntax", f"a template has at most {MOST_PARTS} parts")
            return
        if isinstance(node, Problem):
            yield node
        elif not isinstance(node, _ALLOWED):
            word = type(node).__name__.lower()
            yield Problem(pointer, "template_syntax", f"{word} is not part of the language (line {node.lineno})")
        elif words := _too_many(node):
            yield Problem(pointer, "template_syntax", f"{words} (line {node.lineno})")
        elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            yield Problem(pointer, "template_syntax", f"{node.attr} cannot be read (line {node.lineno})")
        elif isinstance(node, nodes.Getitem) and not _numbered(node):
            yield Problem(pointer, "template_syntax", f"only list positions go into brackets (line {node.lineno})")
        elif isinstance(node, nodes.Name) and node.name in _ITS_OWN:
            yield Problem(pointer, "template_syntax", f"{node.name} cannot be read (line {node.lineno})")
        elif isinstance(node, nodes.Const) and (code := invisible(node.value, one_line=one_line)):
            words = f"a text in it holds {code}, which is not for writing (line {node.lineno})"
            yield Problem(pointer, "template_syntax", words)
        elif isinstance(node, nodes.Filter):
            sentence = _filter_refused(node)
            if sentence is not None:
                yield Problem(pointer, "template_syntax", f"{sentence} (line {node.lineno})")


def _too_many(node: nodes.Node) -> str:
    """Return why a node is too long to be compiled, which goes one level deeper with each branch; empty: it is not."""
    if isinstance(node, nodes.If) and len(node.elif_) > MOST_BRANCHES:
        return f"one `if` has at most {MOST_BRANCHES} `elif`"
    if isinstance(node, nodes.Compare) and len(node.ops) > MOST_COMPARED:
        return f"one comparison has at most {MOST_COMPARED} signs"
    return ""


def invisible(value: object, *, one_line: bool) -> str:
    """Return the first character of a text that ends a line or steers a reader, by its number; empty: there is none."""
    allowed = "" if one_line else "\n\t"
    for one in value if isinstance(value, str) else "":
        if one not in allowed and unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp"):
            return f"U+{ord(one):04X}"
    return ""


def _filter_refused(node: nodes.Filter) -> str | None:
    """Return why a filter may not stand here: unknown, or given what would let its result grow without bound."""
    if node.name not in FILTERS:
        return f"there is no filter {node.name}"
    given = [part.value if isinstance(part, nodes.Const) else None for part in node.args]
    if node.kwargs or node.dyn_args or node.dyn_kwargs:
        return f"{node.name} takes plain values only"
    match node.name:
        case "join":
            fits = len(given) == 1 and isinstance(given[0], str) and len(given[0]) <= MOST_SEPARATOR
            named = isinstance(node.node, nodes.Name | nodes.Getattr)
            return None if fits and named else f"join goes over a list by its name, with up to {MOST_SEPARATOR} letters"
        case "round":
            fits = not given or (len(given) == 1 and type(given[0]) is int and 0 <= given[0] <= MOST_DECIMALS)
            return None if fits else f"round takes a number of decimals from 0 to {MOST_DECIMALS}"
        case "default":
            return None if len(given) == 1 else "default takes one value"
        case _:
            return f"{node.name} takes no value" if given else None


def _numbered(node: nodes.Getitem) -> bool:
    return isinstance(node.arg, nodes.Const) and type(node.arg.value) is int


def _walk(node: nodes.Node, loops: int, pointer: str, deep: int = 0) -> Iterator[nodes.Node | Problem]:
    """Yield every node below; loops inside loops could write without bound, and deep nests bring a reader down."""
    if deep > MOST_DEPTH:
        yield Problem(pointer, "template_syntax", f"parts stand more than {MOST_DEPTH} deep in each other")
        return
    for child in node.iter_child_nodes():
        inside = loops + isinstance(child, nodes.For)
        if inside > 1:
            yield Problem(pointer, "template_syntax", f"a loop inside a loop (line {child.lineno})")
            continue
        if isinstance(child, nodes.For) and not isinstance(child.iter, nodes.Name | nodes.Getattr):
            yield Problem(pointer, "template_syntax", f"loops go over a list by its name (line {child.lineno})")
            continue
        yield child
        yield from _walk(child, inside, pointer, deep + 1)
