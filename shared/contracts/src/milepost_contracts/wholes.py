"""Whole numbers as JSON writes them: 7 and 7.0 are one number; it never rounds and never reads a text."""

from typing import Annotated, Any

from pydantic import BeforeValidator

__all__ = ["Whole"]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number of a strict shape; JSON Schema's `integer` says the same."""
