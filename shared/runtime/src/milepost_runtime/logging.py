"""One shape for every log line: JSON in production, readable on a terminal; it never prints bodies or secrets."""

import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, Protocol, TextIO

import structlog

_SECRET_WORDS = ("secret", "password", "token", "authorization", "signature", "api_key", "cookie")
_HIDDEN = "[hidden]"


class Manner(Protocol):
    """The settings that say how to log; every settings class of the house has them."""

    @property
    def environment(self) -> str:
        """Production writes JSON wherever it runs."""

    @property
    def log_format(self) -> str:
        """auto, json or console."""

    @property
    def log_level(self) -> str:
        """DEBUG, INFO, WARNING or ERROR."""


def configure(service: str, process: str, settings: Manner) -> None:
    """Send structlog, uvicorn, arq and warnings through one formatter, with service and process on every line."""
    readable = sys.stderr.isatty() and settings.environment != "production"
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not readable)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_process(service, process),
        redact,
    ]
    # Tracebacks without the values of variables: those may be bodies, addresses or secrets.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    ending = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()] if as_json else [plain]
    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    global _batch  # noqa: PLW0603 - one output per process, as structlog itself has it
    _batch = _batch_writer(service, process) if as_json else None
    if level > logging.INFO:
        _batch = _silent
    _configure_others(shared, ending, level)


def _configure_others(shared: list[Any], ending: list[Any], level: int) -> None:
    """Lead what libraries log, and warnings, through the same steps."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    warnings.showwarning = _log_warning
    for name in ("arq.worker", "httpx", "httpcore", "uvicorn.error"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    # Ours are sentences for the owner; the place in the code helps with those of libraries only.
    where = "" if category is UserWarning else f" ({filename}:{lineno})"
    logging.getLogger("py.warnings").warning("%s%s", message, where)


def info_each(event: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """Log one line per mapping as `info` would, all in one write: for places that log thousands a second.

    Values are plain (text, numbers, truth); nothing that is bound to the context is added.
    """
    if _batch is None:
        log = structlog.get_logger()
        for line in lines:
            log.info(event, **line)
    else:
        _batch(event, lines)


_batch: Callable[[str, Iterable[Mapping[str, Any]]], None] | None = None


def _batch_writer(service: str, process: str) -> Callable[[str, Iterable[Mapping[str, Any]]], None]:
    def write(event: str, lines: Iterable[Mapping[str, Any]]) -> None:
        stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        same = {"event": event, "level": "info", "timestamp": stamp, "service": service, "process": process}
        ending = f", {json.dumps(same)[1:]}\n"
        sys.stderr.write("".join(["{" + ", ".join(map(_pair, line.items())) + ending for line in lines]))
        sys.stderr.flush()

    return write


def _pair(item: tuple[str, Any]) -> str:
    """Return one name and value as JSON; a text, as most are, without the encoder's ceremony."""
    name, value = item
    if _sounds_secret(name):
        value = _HIDDEN
    return f'"{name}": {encode_basestring_ascii(value) if isinstance(value, str) else json.dumps(value)}'


def _silent(_event: str, _lines: Iterable[Mapping[str, Any]]) -> None:
    return None


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every key that sounds like a secret."""
    for key in event:
        if _sounds_secret(key):
            event[key] = _HIDDEN
    return event


@lru_cache(maxsize=1024)
def _sounds_secret(key: str) -> bool:
    return any(word in key.lower() for word in _SECRET_WORDS)


def _name_process(service: str, process: str) -> Any:
    def add(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        event["process"] = process
        return event

    return add
