"""What every view of this service is: frozen, and closed to what it does not know; it holds no rule."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

State = Literal["new", "done", "ignored", "quarantined"]


class Wire(BaseModel):
    """Frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Asked(Wire):
    """What is asked for: nothing is read as another kind than it is, so that `"5"` is no number and 1 is no yes."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)
