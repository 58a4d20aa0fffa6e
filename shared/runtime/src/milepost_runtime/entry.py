"""How a process of the house begins: a start that is refused ends in one log line; it hides no mistake of ours."""

import contextlib
import gc
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import structlog

from milepost_runtime import logging
from milepost_runtime.database import RolesMissing, SchemaTooOld, StoreUnusable
from milepost_runtime.settings import PREFIX, SettingsError

log = structlog.get_logger()
REFUSALS = (SettingsError, SchemaTooOld, RolesMissing, StoreUnusable)
# Told to stop, a worker ends what is under way. Nothing outside may take longer than that (each service sees to it),
# and whoever stops a worker waits longer: what is killed in the middle of a call may have been done, and nobody knows.
GRACE_S = 75.0


@dataclass(frozen=True)
class _Manner:
    environment: str
    log_format: str
    log_level: str = "INFO"


def settle_in() -> None:
    """Leave what was made at the start out of every later search for garbage, and search less often.

    A request and a batch leave hardly any cycles behind; looking through the whole application for them cost a web
    process a tenth of its time, and a worker half of it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@contextlib.contextmanager
def refusals_in_one_line(service: str, process: str, *more: type[Exception]) -> Iterator[None]:
    """Wrap a process's `main`: a refusal, `more` among them, becomes one log line and exit status 1.

    Anything else that escapes is a mistake of ours: it is logged with its traceback and ends the process with 1 too.
    """
    refusals: tuple[type[Exception], ...] = (*REFUSALS, *more)
    # The settings may be what is refused, so the first lines are shaped by what of them can be read.
    logging.configure(service, process, _manner(os.environ))
    try:
        yield
    except refusals as error:
        log.critical("start_refused", reason=_in_one_line(error))
        raise SystemExit(1) from None
    except Exception:
        log.critical("process_failed", exc_info=True)
        raise SystemExit(1) from None


def _manner(environ: Mapping[str, str]) -> _Manner:
    form = environ.get(f"{PREFIX}LOG_FORMAT", "auto")
    return _Manner(environ.get(f"{PREFIX}ENVIRONMENT", "production"), form if form in ("json", "console") else "auto")


def _in_one_line(error: Exception) -> str:
    if isinstance(error, SettingsError):
        return f"settings cannot be used: {'; '.join(error.problems)}"
    return "; ".join(line.strip() for line in str(error).splitlines())
