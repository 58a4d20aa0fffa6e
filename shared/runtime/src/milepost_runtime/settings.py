"""Settings read once from the environment, all mistakes told at once; never read at import time."""

import difflib
import os
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

PREFIX = "MILEPOST_"
DEVELOPMENT_SECRET = "milepost-development-secret-never-in-production"  # noqa: S105 - refused outside development
SECRET_LENGTH = 32
# The first word of the names that belong to one service: a service stays silent about its neighbours' names.
FAMILIES = ("INGEST", "SCORING", "RUNNER", "MAILBOX")
# Names of somebody else's that their first word does not tell: the supervisor's, those by which the runner asks, and
# how long the front door keeps things.
READ_ELSEWHERE = frozenset(
    {"HOME", "DEMO", "POSTGRES_BIN", "VALKEY_BIN", "SMTP_URL", "SCORING_URL", "SCORING_API_KEY"}
    | {"RETENTION_DELIVERIES_DAYS", "RETENTION_KEYS_DAYS", "INGEST_URL", "INGEST_API_KEY", "RUNNER_URL", "API_KEY"}
)
REDIS_SCHEMES = ("redis", "rediss", "unix")
# Below this likeness (of 1) a known name is no help; the prefix, which all share, is not compared.
_LIKE_ENOUGH = 0.75
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


def check_redis_url(url: str) -> str:
    """Return the URL of the queue as it is; raises ValueError, without the password, for a scheme of another trade."""
    if urlsplit(url).scheme not in REDIS_SCHEMES:
        raise ValueError("expected redis://:password@host:port/0, rediss://… or unix://…")
    return url


PostgresUrl = Annotated[str, AfterValidator(normalise_postgres_url)]
RedisUrl = Annotated[str, AfterValidator(check_redis_url)]


class RuntimeSettings(BaseModel):
    """What every process of the house needs to know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    environment: Literal["development", "production", "test"] = "production"
    database_url: PostgresUrl
    redis_url: RedisUrl
    secret_key: SecretStr = SecretStr(DEVELOPMENT_SECRET)
    run_id: str = ""
    host: str = "127.0.0.1"
    allowed_hosts: str = Field(default="", max_length=2_000)
    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    failpoints: str = ""
    database_pool_size: int = Field(default=5, ge=1, le=100)

    @property
    def answered_hosts(self) -> frozenset[str]:
        """The names that requests may ask for, in lower case; empty: any."""
        return frozenset(name for part in self.allowed_hosts.split(",") if (name := part.strip().lower()))


S = TypeVar("S", bound=RuntimeSettings)
M = TypeVar("M", bound=BaseModel)


def load(cls: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Read the settings of one process from `MILEPOST_*` names and their `_FILE` twins.

    Raises SettingsError with every problem at once, names that nobody knows among them; when all else is well, such
    names are only warned of, each with the nearest known one.
    """
    source = os.environ if environ is None else environ
    settings, problems = examine(cls, source)
    strange = list(unknown_names(cls, source))
    if settings is None:
        raise SettingsError([*problems, *strange])
    for line in strange:
        warnings.warn(line, stacklevel=2)
    return settings


def examine(cls: type[M], environ: Mapping[str, str]) -> tuple[M | None, list[str]]:
    """Return the settings, or None and every problem that keeps them from being used, one sentence each."""
    values: dict[str, str] = {}
    problems: list[str] = []
    unread: set[str] = set()
    for field in cls.model_fields:
        try:
            text = _value_of(PREFIX + field.upper(), environ)
        except ValueError as error:
            problems.append(str(error))
            unread.add(field)
            continue
        if text is not None:
            values[field] = text
    settings = None
    try:
        settings = cls.model_validate(values)
    except ValidationError as error:
        # What could not be read has been told already; that it is missing now is no news.
        problems += [line for field, line in _lines_of(error) if field not in unread]
    if issubclass(cls, RuntimeSettings):
        problems += _dangers(values, unread)
    return (None if problems else settings), problems


def _dangers(values: Mapping[str, str], unread: Collection[str]) -> Iterator[str]:
    """Yield what may not be used together; from the raw values, so that it is told beside what cannot be read."""
    secret = values.get("secret_key", DEVELOPMENT_SECRET)
    in_production = values.get("environment", "production") == "production"
    if "secret_key" not in unread:
        if in_production and secret == DEVELOPMENT_SECRET:
            yield "MILEPOST_SECRET_KEY is the published default: set one of your own (32 or more characters)"
        if len(secret) < SECRET_LENGTH:
            yield f"MILEPOST_SECRET_KEY is too short: {SECRET_LENGTH} or more characters"
    if in_production and values.get("failpoints"):
        yield "MILEPOST_FAILPOINTS is for tests: unset it in production"


def unknown_names(cls: type[BaseModel], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield one sentence for each `MILEPOST_*` name that neither this process nor a neighbour answers to."""
    known = {field.upper() for field in cls.model_fields} | READ_ELSEWHERE
    others = tuple(family for family in FAMILIES if f"{family}_PORT" not in known)
    for name in sorted(environ):
        word = name.removeprefix(PREFIX).removesuffix("_FILE")
        theirs = word.removeprefix("PUBLIC_URL_") in others or word.startswith(tuple(f"{one}_" for one in others))
        if name.startswith(PREFIX) and not theirs and name.removeprefix(PREFIX) not in known and word not in known:
            yield not_a_setting(name, {PREFIX + one for one in known})


def not_a_setting(name: str, known: Iterable[str]) -> str:
    """Return the sentence about an unknown name, with the nearest of the known ones when one is near."""
    words = [one.removeprefix(PREFIX) for one in sorted(known)]
    near = difflib.get_close_matches(name.removeprefix(PREFIX), words, n=1, cutoff=_LIKE_ENOUGH)
    return f"{name} is not a setting" + (f"; did you mean {PREFIX}{near[0]}?" if near else "")


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


def _lines_of(error: ValidationError) -> Iterator[tuple[str, str]]:
    for item in error.errors(include_url=False, include_input=False):
        field = str(item["loc"][0]) if item["loc"] else ""
        where = PREFIX + field.upper() if field else "settings"
        yield field, f"{where}: {item['msg'].removeprefix('Value error, ')}"
