"""One shape for every log line: JSON in production, readable on a terminal; it never prints bodies or secrets."""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import structlog

from milepost_runtime.settings import RuntimeSettings

_SECRET_WORDS = ("secret", "password", "token", "authorization", "signature", "api_key", "cookie")
_HIDDEN = "[hidden]"


def configure(service: str, process: str, settings: RuntimeSettings) -> None:
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
    last: Any = structlog.processors.JSONRenderer() if as_json else plain
    formatted = [structlog.processors.format_exc_info] if as_json else []
    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(
        processors=[*shared, *formatted, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    global _batch  # noqa: PLW0603 - one output per process, as structlog itself has it
    _batch = _batch_writer(service, process) if as_json else None
    if level > logging.INFO:
        _batch = _silent
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *formatted, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    for name in ("arq.worker", "httpx", "httpcore", "uvicorn.error"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


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
        sys.stderr.write("".join([json.dumps(redact(None, "", dict(line)))[:-1] + ending for line in lines]))
        sys.stderr.flush()

    return write


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
