"""The yardstick: a FastAPI application with one empty POST route, served exactly as the services are served."""

import sys

import uvicorn
from fastapi import FastAPI, Response

app = FastAPI()


@app.post("/empty")
async def empty() -> Response:
    """Do nothing, as cheaply as the framework allows."""
    return Response(status_code=200)


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
