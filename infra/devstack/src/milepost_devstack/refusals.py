"""Turn the refusals that have a remedy into one line and exit 1; never hides a mistake of ours."""

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import TextIO

from milepost_devstack.accounts import NoAccount
from milepost_devstack.binaries import ProgramMissing
from milepost_devstack.preparation import REASONS
from milepost_devstack.refusal import Refusal
from milepost_devstack.terminal import paints


@contextlib.contextmanager
def known_refusals() -> Iterator[None]:
    """Print a known refusal to standard error and exit 1; Ctrl-C exits 130. A warning is one line too."""
    warnings.showwarning = _say
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        # The reader has gone (as `head` does); nothing more can be said.
        sys.stderr.close()
        raise SystemExit(1) from None
    except (*REASONS, Refusal, NoAccount, ProgramMissing) as error:
        mark = "\x1b[31merror\x1b[0m" if paints(sys.stderr) else "error"
        print(f"{mark}  {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _say(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    # The place in the code is of no use to who runs the command.
    mark = "\x1b[33mnote\x1b[0m" if paints(sys.stderr) else "note"
    print(f"{mark}  {message}", file=sys.stderr)
