"""A small process that behaves as a service of the house does towards its supervisor; it knows nothing else.

Arguments: the setting that holds its port, then what it does: `well`, `dies` (after it was ready), `never-ready`,
`stubborn` (ignores SIGTERM).
"""

import asyncio
import json
import os
import signal
import sys


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    run_id = os.environ["MILEPOST_RUN_ID"] if sys.argv[2] != "never-ready" else "somebody-else"
    body = json.dumps({"ready": True, "run_id": run_id, "env": dict(os.environ)}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    writer.close()


async def main() -> None:
    port = int(os.environ[f"MILEPOST_{sys.argv[1]}"])
    if sys.argv[2] == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    async with await asyncio.start_server(answer, os.environ.get("MILEPOST_HOST", "127.0.0.1"), port):
        print("listening on", port, flush=True)
        if sys.argv[2] == "dies":
            await asyncio.sleep(1.5)
            print("my last words", flush=True)
            os._exit(3)
        await asyncio.Event().wait()


asyncio.run(main())
