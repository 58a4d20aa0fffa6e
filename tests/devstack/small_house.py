"""Run the real supervisor with stand-ins instead of services: `small_house.py WHAT-THE-SECOND-ONE-DOES`.

A script, because these tests kill the supervisor itself.
"""

import asyncio
import os
import sys
from pathlib import Path

from milepost_devstack.house import House, Service
from milepost_devstack.preparation import REASONS
from milepost_devstack.state import StateFolder
from milepost_devstack.supervisor import Supervisor
from milepost_devstack.terminal import Report

STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in.py")))


def service(name: str, family: str, port: int, does: str) -> Service:
    return Service(
        name=name,
        family=family,
        port=port,
        worker_port=port + 10,
        web=(*STAND_IN, f"{family}_PORT", does),
        worker=(*STAND_IN, f"{family}_WORKER_PORT", "well"),
        asks_scoring=family == "RUNNER",
    )


def small_house(does: str) -> House:
    return House(
        services=(
            service("scoring-api", "SCORING", 18_000, "well"),
            service("playbook-runner", "RUNNER", 18_002, does),
        ),
        schemas=(),
        mailbox_port=18_025,
        smtp_port=18_026,
        ready_s=float(os.environ.get("SMALL_HOUSE_READY_S", "6")),
        grace_s=float(os.environ.get("SMALL_HOUSE_GRACE_S", "1")),
    )


async def main() -> int:
    state = StateFolder(Path(os.environ["MILEPOST_HOME"]))
    return await Supervisor(small_house(sys.argv[1]), state, os.environ, Report()).run()


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except REASONS as error:
        sys.exit(str(error))
