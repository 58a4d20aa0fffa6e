"""The one place that makes HTTP clients, with every wait bounded and redirects off."""

import httpx
import structlog


def client(base_url: str = "", *, timeout_s: float = 10.0, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    """Return a client that never follows redirects, ignores proxy settings of the machine, and names itself."""
    return httpx.AsyncClient(
        base_url=base_url,
        timeout=httpx.Timeout(timeout_s, connect=3.0),
        headers={"User-Agent": "milepost"} | (headers or {}),
        follow_redirects=False,
        trust_env=False,
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
    )


def correlation_headers() -> dict[str, str]:
    """Return the header that carries the correlation id bound to this task, if there is one."""
    bound = structlog.contextvars.get_contextvars().get("correlation_id")
    return {"X-Request-Id": str(bound)} if bound else {}
