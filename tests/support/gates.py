"""Claims about the gate that hold for every route that changes something, whatever the service."""

from typing import Any

import httpx

LIMIT = 256 * 1024
JSON = {"content-type": "application/json"}
NOT_STRICT = {
    "bad_json": b"{",
    "duplicate_key": b'{"a": 1, "a": 2}',
    "bad_encoding": b"\xef\xbb\xbf{}",
    "number_too_long": b'{"a": ' + b"9" * 5_000 + b"}",
    "too_deep": b"[" * 65 + b"]" * 65,
}


def told(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the type of a refusal."""
    return answer.status_code, str(answer.json()["type"]).rsplit("/", 1)[-1]


async def guarded_routes(client: httpx.AsyncClient) -> list[tuple[str, str, dict[str, Any]]]:
    """Return method, path and description of every documented route that changes something and asks for a key."""
    document = (await client.get("/openapi.json")).json()
    found = [
        (method.upper(), path.replace("{", "").replace("}", ""), operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in ("post", "put", "patch", "delete") and operation.get("security")
    ]
    assert found
    return found


async def require_key_first(client: httpx.AsyncClient) -> None:
    """Assert that nothing of a body is understood for whoever shows no key."""
    for method, path, _ in await guarded_routes(client):
        for headers, body in ((JSON, b"\xff{"), ({"content-type": "text/x"}, b"x"), ({}, b"")):
            answer = await client.request(method, path, content=body, headers=headers | {"authorization": ""})
            assert told(answer) == (401, "unauthenticated"), (method, path)


async def require_strict_bodies(client: httpx.AsyncClient, own_limit: tuple[str, ...] = ()) -> None:
    """Assert, with a key for everything, that no route takes a large body, another media type or JSON of two minds.

    `own_limit` are routes with limits of their own.
    """
    for method, path, operation in await guarded_routes(client):
        if path in own_limit:
            continue
        large = await client.request(method, path, content=b" " * (LIMIT + 1), headers=JSON)
        assert told(large) == (413, "body_too_large"), (method, path)
        if "requestBody" not in operation:
            continue
        other = await client.request(method, path, content=b"{}", headers={"content-type": "text/plain"})
        assert told(other) == (415, "media_type_unsupported"), (method, path)
        for kind, body in NOT_STRICT.items():
            answer = await client.request(method, path, content=body, headers=JSON)
            assert told(answer) == (400, kind), (method, path)
