"""Which methods a path takes, over all routes that know it; it answers nothing."""

import re
from collections.abc import Iterable

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

_PARAMETER = re.compile(r"\{[^}]*\}")


def methods_of(app: FastAPI, path: str) -> tuple[str, ...]:
    """Return the methods of the routes that a path fits, of the most literal ones; empty if there are none.

    `/models/x:retire` fits the route of a model with a strange name too, but it is the other one that is meant.
    """
    fitting: list[tuple[int, Iterable[str]]] = []
    for context in iter_route_contexts(app.routes):
        pattern = getattr(context, "path_regex", None)
        if pattern is not None and pattern.match(path):
            fitting.append((len(_PARAMETER.sub("", context.path or "")), context.methods or ()))
    most = max((literal for literal, _ in fitting), default=0)
    found = {method for literal, methods in fitting if literal == most for method in methods}
    # Whoever may read may ask for the head alone.
    return tuple(sorted(found | {"HEAD"} if "GET" in found else found))


def takes_head(app: FastAPI, path: str) -> bool:
    """Tell whether a route that a path fits answers HEAD in its own way."""
    for context in iter_route_contexts(app.routes):
        pattern = getattr(context, "path_regex", None)
        if pattern is not None and "HEAD" in (context.methods or ()) and pattern.match(path):
            return True
    return False
