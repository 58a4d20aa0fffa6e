"""Parameters of lists: a page's size, one value a name, cursors that nobody can forge; it knows no list.

It never reads a store.
"""

import json
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant
from pydantic import BeforeValidator

from milepost_runtime.problems import Problem
from milepost_runtime.secrets import SealBroken, Vault

LARGEST_PAGE = 200


class CursorBroken(Exception):
    """A cursor that we did not make, or made for another list, order or filter."""


class Cursors:
    """Makes and reads the cursors of one list; `name` tells it from others."""

    def __init__(self, vault: Vault, name: str) -> None:
        self._vault = vault
        self._purpose = f"cursor {name}"

    def make(self, filters: Any, place: str) -> str:
        """Return the cursor of what comes after `place` under these filters (anything that `str` tells apart)."""
        return self._vault.sign(self._purpose, json.dumps([str(filters), place]))

    def place(self, filters: Any, cursor: str) -> str:
        """Return the place; raises CursorBroken, with a reason for people."""
        try:
            made_for, place = json.loads(self._vault.unsign(self._purpose, cursor))
        except (SealBroken, ValueError):
            raise CursorBroken("it is not one of ours, or not whole") from None
        if made_for != str(filters):
            raise CursorBroken("it belongs to other filters: start at the first page")
        return str(place)


def plain_number(value: Any) -> Any:
    """Return a text of plain digits as it is: signs, exponents, blanks and digits of other scripts raise ValueError."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) < 10):
        raise ValueError("a whole number in plain digits")
    return value


def _once(request: Request) -> None:
    names = [name for name, _ in request.query_params.multi_items()]
    again = sorted({name for name in names if names.count(name) > 1})
    known = _known(getattr(request.scope.get("route"), "dependant", None))
    strange = [name for name in names if name not in known]
    if strange:
        raise bad_parameter(strange[0][:50], f"known here: {', '.join(sorted(known)) or 'none'}")
    if again:
        said = {"detail": "given more than once", "code": "repeated_parameter"}
        entries = [{"pointer": f"query:{name[:50]}"} | said for name in again]
        raise Problem(422, "repeated_parameter", "A query parameter was given more than once.", errors=entries)


def _known(dependant: Dependant | None) -> set[str]:
    """Return the names that a route declares; a word that it does not know, such as an order, hides a mistake."""
    if dependant is None:
        return set()
    return {field.alias for field in dependant.query_params}.union(*map(_known, dependant.dependencies))


Limit = Annotated[int, BeforeValidator(plain_number), Query(ge=1, le=LARGEST_PAGE, description="Rows on a page")]
Cursor = Annotated[str | None, Query(max_length=2_000, description="`next_cursor` of the page before")]
# For a router: refuse a query that says something twice, or something that the route does not know.
ONCE = Depends(_once)


def bad_cursor(error: Exception) -> Problem:
    """Return the answer to a broken cursor."""
    fault = {"pointer": "query:cursor", "code": "bad_cursor", "detail": str(error)}
    return Problem(400, "bad_cursor", f"The cursor cannot be used: {error}.", errors=[fault])


def bad_parameter(name: str, detail: str) -> Problem:
    """Return the answer to a query parameter that cannot be used."""
    entry = {"pointer": f"query:{name}", "detail": detail, "code": "bad_parameter"}
    return Problem(422, "bad_parameter", "1 query parameter(s) cannot be used.", errors=[entry])
