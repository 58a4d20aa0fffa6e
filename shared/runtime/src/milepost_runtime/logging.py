"""One shape for every log line: JSON in production, readable on a terminal; it never prints bodies or secrets."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from milepost_runtime.settings import RuntimeSettings

_SECRET_WORDS = ("secret", "password", "token", "authorization", "signature", "api_key", "cookie")
_HIDDEN = "[hidden]"


def configure(service: str, process: str, settings: RuntimeSettings) -> None:
    """Send structlog, uvicorn, arq and warnings through one formatter, with service and process on every line."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_process(service, process),
        redact,
    ]
    last: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    formatted = [structlog.processors.format_exc_info] if as_json else []
    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(
        processors=[*shared, *formatted, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
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


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every key that sounds like a secret."""
    for key in event:
        if any(word in key.lower() for word in _SECRET_WORDS):
            event[key] = _HIDDEN
    return event


def _name_process(service: str, process: str) -> Any:
    def add(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        event["process"] = process
        return event

    return add
