"""Read what the owner set: the environment first, then `.env`; never changes either."""

import shlex
from collections.abc import Mapping
from pathlib import Path

PREFIX = "MILEPOST_"


class EnvironmentUnreadable(Exception):
    """A setting of the supervisor cannot be used; the message names it."""


def given(environ: Mapping[str, str], name: str) -> str | None:
    """The value of MILEPOST_<name> or of the file that MILEPOST_<name>_FILE names; None when unset or empty.

    Raises EnvironmentUnreadable when that file cannot be read.
    """
    if value := environ.get(PREFIX + name):
        return value
    path = environ.get(f"{PREFIX}{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise EnvironmentUnreadable(f"{PREFIX}{name}_FILE: cannot read {path} ({error.strerror}).") from error


def port(environ: Mapping[str, str], name: str, preferred: int) -> int:
    """The port that MILEPOST_<name> asks for, else `preferred`. Raises EnvironmentUnreadable."""
    text = given(environ, name)
    if text is None:
        return preferred
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise EnvironmentUnreadable(f"{PREFIX}{name}={text} is not a port: use 1 to 65535, or 0 for any.")
    return int(text)


def with_env_file(environ: Mapping[str, str], path: Path) -> dict[str, str]:
    """`environ` and below it the MILEPOST_* lines of `path` (`NAME=value`, quotes and # as a shell reads them).

    Empty values count as unset. Raises EnvironmentUnreadable with the line's number.
    """
    found: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    except OSError as error:
        raise EnvironmentUnreadable(f"cannot read {path} ({error.strerror}).") from error
    for number, line in enumerate(lines, 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise EnvironmentUnreadable(f"{path}, line {number}: {error}.") from error
        name, equals, value = " ".join(words).removeprefix("export ").partition("=")
        if equals and value and name.startswith(PREFIX):
            found[name] = value
    # The two spellings of one setting: whichever the environment holds silences the other in the file.
    for name in list(found):
        twin = name.removesuffix("_FILE") if name.endswith("_FILE") else f"{name}_FILE"
        if twin in environ and name not in environ:
            del found[name]
    return {**found, **environ}
