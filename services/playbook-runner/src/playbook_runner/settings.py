"""The runner's settings; it reads no environment by itself."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from milepost_runtime.database import Schema
from milepost_runtime.guard import inside
from milepost_runtime.settings import RuntimeSettings
from playbook_runner.actions.addresses import BadAddress, check_address

SCHEMA = Schema(name="playbooks", role="milepost_playbooks", package="playbook_runner")

# One call as a whole, from connecting until its answer, whatever each part of it may take. Well below the time that a
# worker has to end: what was started before it was told to stop is answered by then.
WHOLE_CALL_S = 60.0
_SCHEMES = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


@dataclass(frozen=True)
class MailServer:
    """Where mail goes and how.

    `smtp` upgrades to TLS when the server offers it, `smtp+starttls` insists on that, `smtps` begins in TLS.
    """

    scheme: str
    host: str
    port: int
    username: str | None
    password: str | None


def mail_server(url: str) -> MailServer:
    """Return what a URL such as `smtp+starttls://user:password@mail.example:587` says. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ValueError("expected smtp://host:port, smtp+starttls://… or smtps://…")
    return MailServer(
        parts.scheme,
        parts.hostname,
        parts.port or _SCHEMES[parts.scheme],
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
    )


def _checked_server(url: SecretStr) -> SecretStr:
    mail_server(url.get_secret_value())
    return url


def _checked_address(text: str) -> str:
    try:
        return check_address(text)
    except BadAddress as error:
        raise ValueError(str(error)) from None


def _checked_base(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("expected http://… or https://…")
    return url.rstrip("/")


def _checked_networks(text: str) -> str:
    inside(text)
    return text


Address = Annotated[str, AfterValidator(_checked_address)]
BaseUrl = Annotated[str, AfterValidator(_checked_base)]


class RunnerSettings(RuntimeSettings):
    """What the runner's web process and worker need to know."""

    runner_port: int = Field(default=8002, ge=0, le=65535)
    runner_worker_port: int = Field(default=8102, ge=0, le=65535)
    scoring_url: BaseUrl = "http://127.0.0.1:8000"
    scoring_api_key: SecretStr = SecretStr("")
    ingest_url: BaseUrl = "http://127.0.0.1:8001"
    ingest_api_key: SecretStr = SecretStr("")
    public_url_scoring: BaseUrl = "http://127.0.0.1:8000"
    # Where readers of mails reach us: what ends such mails for them leads there.
    public_url_runner: BaseUrl = "http://127.0.0.1:8002"
    # The URL may hold a password, so it is a secret as a whole.
    smtp_url: Annotated[SecretStr, AfterValidator(_checked_server)] = SecretStr("smtp://127.0.0.1:1025")
    runner_mail_from: Address = "milepost@milepost.example"
    runner_mail_name: str = Field(default="Milepost", max_length=60)
    runner_nudge_to: Address = "customer-success@milepost.example"
    runner_mail_timeout_s: float = Field(default=20.0, gt=0, le=WHOLE_CALL_S / 2)
    # Mails a second at most, by all workers together; 0: as many as the mail server takes.
    runner_mail_rate_per_s: float = Field(default=0.0, ge=0, le=10_000)
    # Networks behind us that connections may lead to, such as `10.1.0.0/16`; none, unless somebody says so.
    runner_inside: Annotated[str, AfterValidator(_checked_networks)] = ""
    runner_call_timeout_s: float = Field(default=10.0, gt=0, le=WHOLE_CALL_S / 2)
    runner_sweep_s: float = Field(default=300.0, ge=1, le=86400)
    runner_lease_s: float = Field(default=15.0, ge=1, le=300)
    runner_quiet_margin_s: float = Field(default=5.0, ge=1, le=300)
