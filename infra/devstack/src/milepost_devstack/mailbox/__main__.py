"""Start the mailbox: `python -m milepost_devstack.mailbox`; it never leaves this machine."""

import os
import sys

import uvicorn
from pydantic import ValidationError

from milepost_devstack.mailbox.app import Mailbox
from milepost_devstack.mailbox.settings import load


def main() -> None:
    """Serve until SIGTERM or SIGINT; exit 2 when the settings cannot be used."""
    try:
        settings = load(os.environ)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            print(f"MILEPOST_{str(item['loc'][0]).upper()}: {item['msg']}", file=sys.stderr)
        raise SystemExit(2) from None
    uvicorn.run(
        Mailbox(settings).app(),
        host=settings.host,
        port=settings.mailbox_port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
