"""The laws ask no clock, no chance and no file: the same question gets the same answer for ever.

The floors keep whole modules out of the core; what is left is read here, call by call.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ASKING_NOW = frozenset({"now", "utcnow", "today"})
CHANCE = frozenset({"random", "secrets", "uuid"})
MACHINE = frozenset({"open", "input", "print", "exec", "eval", "__import__"})
FILES = frozenset({"read_text", "read_bytes", "write_text", "write_bytes"})


def impurities(source: str) -> Iterator[str]:
    """Yield each place that makes an answer depend on more than the question."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for module in modules:
                if module.partition(".")[0] in CHANCE | {"time"}:
                    yield f"line {node.lineno}: imports {module}"
        elif isinstance(node, ast.Attribute):
            # Whether it is called here or handed on to be called: both reach for it.
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in ASKING_NOW | FILES or owner == "time" or "random" in (owner, node.attr):
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Name) and node.id in MACHINE:
            yield f"line {node.lineno}: {node.id}"


def test_the_core_asks_no_clock_no_chance_and_no_file(repository: Path) -> None:
    package = repository / "shared" / "core" / "src" / "milepost_core"
    files = sorted(package.rglob("*.py"))
    assert len(files) > 20
    found = [f"{path.relative_to(package)}, {line}" for path in files for line in impurities(path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.utcnow()",
        "import datetime\nask = datetime.date.today",
        "import time\ntime.monotonic()",
        "from time import time",
        "import random",
        "import numpy\nnumpy.random.default_rng()",
        "open('model.yaml')",
        "from pathlib import Path\nPath('x').read_text()",
        "from uuid import uuid4",
    ],
)
def test_what_is_not_pure_is_found(source: str) -> None:
    assert list(impurities(source))
