"""Settings read once from the environment, all mistakes told at once; never read at import time."""

import difflib
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

PREFIX = "MILEPOST_"
DEVELOPMENT_SECRET = "milepost-development-secret-never-in-production"  # noqa: S105 - refused outside development
# Names that belong to one process family: a service stays silent about its neighbours' names.
FAMILIES = ("INGEST_", "SCORING_", "RUNNER_", "MAILBOX_", "PUBLIC_URL_")
# Names that only the supervisor and the installation read.
SUPERVISOR_NAMES = frozenset({"HOME", "DEMO", "POSTGRES_BIN", "VALKEY_BIN", "SMTP_URL"})
KNOWN_TO_ASYNCPG = frozenset(
    {"sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "user", "password", "dbname"}
)


class SettingsError(Exception):
    """Every setting that cannot be used, one line each, with the name to change."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("settings cannot be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = tuple(problems)


def normalise_postgres_url(url: str) -> str:
    """Return the URL as asyncpg reads it: scheme `postgresql`, only query keys that asyncpg knows.

    Hosts hand out `postgres://` and keys such as `channel_binding`; unknown keys are dropped with a warning.
    """
    parts = urlsplit(url)
    if parts.scheme.split("+")[0] not in ("postgres", "postgresql"):
        raise ValueError("expected postgresql://user:password@host:port/database")
    kept = [(k, v) for k, v in parse_qsl(parts.query) if k in KNOWN_TO_ASYNCPG]
    dropped = sorted({k for k, _ in parse_qsl(parts.query)} - KNOWN_TO_ASYNCPG)
    if dropped:
        warnings.warn(f"database URL: {', '.join(dropped)} ignored (not understood by the driver)", stacklevel=2)
    return urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(kept, safe="/"), ""))


PostgresUrl = Annotated[str, AfterValidator(normalise_postgres_url)]


class RuntimeSettings(BaseModel):
    """What every process of the house needs to know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    environment: Literal["development", "production", "test"] = "production"
    database_url: PostgresUrl
    redis_url: str
    secret_key: SecretStr = SecretStr(DEVELOPMENT_SECRET)
    run_id: str = ""
    host: str = "127.0.0.1"
    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    failpoints: str = ""
    database_pool_size: int = Field(default=5, ge=1, le=100)

    @model_validator(mode="after")
    def _refuse_default_secrets(self) -> Self:
        secret = self.secret_key.get_secret_value()
        if self.environment == "production":
            if secret == DEVELOPMENT_SECRET:
                raise ValueError(
                    "MILEPOST_SECRET_KEY is the published default: set one of your own (32 or more characters)"
                )
            if self.failpoints:
                raise ValueError("MILEPOST_FAILPOINTS is for tests: unset it in production")
        if len(secret) < 32:
            raise ValueError("MILEPOST_SECRET_KEY is too short: 32 or more characters")
        return self


S = TypeVar("S", bound=RuntimeSettings)


def load(cls: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Read the settings of one process from `MILEPOST_*` names and their `_FILE` twins.

    Raises SettingsError with every problem at once; warns of names that nobody knows, with the nearest known one.
    """
    source = os.environ if environ is None else environ
    values: dict[str, str] = {}
    problems: list[str] = []
    for field in cls.model_fields:
        name = PREFIX + field.upper()
        try:
            text = _value_of(name, source)
        except ValueError as error:
            problems.append(str(error))
            continue
        if text is not None:
            values[field] = text
    try:
        settings = cls.model_validate(values)
    except ValidationError as error:
        raise SettingsError(problems + list(_lines_of(error))) from None
    if problems:
        raise SettingsError(problems)
    for line in unknown_names(cls.model_fields, source):
        warnings.warn(line, stacklevel=2)
    return settings


def unknown_names(fields: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield one sentence for each `MILEPOST_*` name that no known setting answers to."""
    known = {PREFIX + field.upper() for field in fields} | {PREFIX + name for name in SUPERVISOR_NAMES}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in known or name.removesuffix("_FILE") in known:
            continue
        if name.removeprefix(PREFIX).startswith(FAMILIES):
            continue
        near = difflib.get_close_matches(name, known, n=1)
        yield f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else "")


def _value_of(name: str, source: Mapping[str, str]) -> str | None:
    path = source.get(f"{name}_FILE")
    if path is None:
        return source.get(name)
    if name in source:
        raise ValueError(f"{name} and {name}_FILE are both set: keep one")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"{name}_FILE: cannot read {path} ({error.strerror})") from None


def _lines_of(error: ValidationError) -> Iterator[str]:
    for item in error.errors(include_url=False, include_input=False):
        where = PREFIX + str(item["loc"][0]).upper() if item["loc"] else "settings"
        yield f"{where}: {item['msg'].removeprefix('Value error, ')}"
