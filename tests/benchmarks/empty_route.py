"""The yardstick: a FastAPI application with one empty POST route and one GET route of constant bytes, served exactly as
the services are served.

Run: python tests/benchmarks/empty_route.py PORT [FILE]; the file holds the constant bytes.
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Response

app = FastAPI()


@app.post("/empty")
async def empty() -> Response:
    """Do nothing, as cheaply as the framework allows."""
    return Response(status_code=200)


CONSTANT = Path(sys.argv[2]).read_bytes() if len(sys.argv) > 2 else b"{}"


@app.get("/constant")
async def constant() -> Response:
    """Answer the same bytes each time."""
    return Response(CONSTANT, media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        backlog=2048,
    )
