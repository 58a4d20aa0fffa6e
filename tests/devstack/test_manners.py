"""Code stays small enough to be read at once: bodies of functions, files, and parameters have their measure."""

import ast
from collections.abc import Iterator
from pathlib import Path

BODY_LINES, FILE_LINES, PARAMETERS = 30, 300, 6
FOLDERS = ("shared", "services", "infra")
_OPTIONS = "one parameter for each option of the command: the framework reads them from the signature"
_ROOT = "the one place where the use cases are put together: a line each"
# Path and function: why it may be larger.
EXEMPT = {
    "infra/devstack/src/milepost_devstack/importing/command.py:bring_in": _OPTIONS,
    "infra/devstack/src/milepost_devstack/rehearsing/command.py:send": _OPTIONS,
    "infra/devstack/src/milepost_devstack/restating/command.py:restate": _OPTIONS,
    "services/playbook-runner/src/playbook_runner/service.py:build_runner": _ROOT,
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def measured(repository: Path) -> Iterator[Path]:
    """Every module of the house; a migration is written once, by the day's tables, and never changed."""
    for folder in FOLDERS:
        for path in sorted((repository / folder).rglob("src/**/*.py")):
            if "migrations" not in path.parts:
                yield path


def body_lines(source: str, node: Function) -> int:
    """Lines of a function's body with anything on them but a comment; its docstring does not count."""
    first = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not first:
        return 0
    lines = source.splitlines()[first[0].lineno - 1 : node.end_lineno]
    return sum(1 for line in lines if line.strip() and not line.strip().startswith("#"))


def parameters(node: Function) -> int:
    """Everything that a caller may hand over, besides `self` and `cls`."""
    names = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return sum(1 for name in names if name not in ("self", "cls"))


def too_large(path: str, source: str) -> Iterator[str]:
    """Yield what is beyond its measure in one file, by a name that may be exempt, with how large it is."""
    if (count := len(source.splitlines())) > FILE_LINES:
        yield f"{path}: {count} lines"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            if (count := body_lines(source, node)) > BODY_LINES:
                yield f"{path}:{node.name}: {count} lines"
            if (count := parameters(node)) > PARAMETERS:
                yield f"{path}:{node.name}: {count} parameters"


def test_no_function_and_no_file_is_beyond_its_measure(repository: Path) -> None:
    found = [
        line
        for path in measured(repository)
        for line in too_large(str(path.relative_to(repository)), path.read_text(encoding="utf-8"))
    ]
    assert [line for line in found if line.rpartition(": ")[0] not in EXEMPT] == []
    # A reason whose function has shrunk is out of date.
    assert {line.rpartition(": ")[0] for line in found} == set(EXEMPT)


def test_what_is_too_large_is_found() -> None:
    long = 'def f():\n    """Doc."""\n    # why\n' + "    x = 1\n" * 31
    assert list(too_large("a.py", long)) == ["a.py:f: 31 lines"]
    assert list(too_large("a.py", "class A:\n    def f(self, a, b, c, d, e, *, g, h): ...\n")) == [
        "a.py:f: 7 parameters"
    ]
    assert list(too_large("a.py", "\n" * 301)) == ["a.py: 301 lines"]
    assert list(too_large("a.py", "def f(a, b, c, d, e, g):\n" + "    # c\n    x = 1\n" * 30)) == []
