"""What the mailbox needs to know, read from the environment that the supervisor gives it; no secret among it."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from milepost_devstack.environment import given
from milepost_devstack.mailbox.reception import Answer
from milepost_devstack.state import StateFolder, home_from


class MailboxSettings(BaseModel):
    """Fields are MILEPOST_<NAME> in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    home: Path
    host: str = "127.0.0.1"
    mailbox_port: int = Field(default=8025, ge=0, le=65535)
    mailbox_smtp_port: int = Field(default=1025, ge=0, le=65535)
    mailbox_answer: Answer = "normal"
    run_id: str = ""

    @property
    def folder(self) -> Path:
        """Where the mails lie."""
        return StateFolder(self.home).mailbox


def load(environ: Mapping[str, str]) -> MailboxSettings:
    """Read them. Raises pydantic's ValidationError naming every wrong field."""
    values = {name: value for name in MailboxSettings.model_fields if (value := given(environ, name.upper()))}
    return MailboxSettings.model_validate({**values, "home": home_from(environ)})
