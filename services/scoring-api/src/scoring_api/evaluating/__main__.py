"""The process behind `milepost evaluate`: `python -m scoring_api.evaluating FOLDER [--model M] [--report DIR]`.

The database of MILEPOST_DATABASE_URL must be migrated, empty and of no further use. What it finds goes to standard
output, one JSON object a line: `progress`, then one `report`; or a `refusal`.
"""

import argparse
import asyncio
import json
import os
import time
import traceback
from pathlib import Path
from typing import Any

import asyncpg

from milepost_core.model import ModelInvalid
from milepost_runtime.database import open_pool
from scoring_api.documents.checking import ModelDocumentInvalid, read_bytes
from scoring_api.documents.founding import read_shipped
from scoring_api.evaluating.pages import write_report
from scoring_api.evaluating.recognising import open_study
from scoring_api.evaluating.sheets import DataUnreadable
from scoring_api.evaluating.studies import Study
from scoring_api.evaluating.trying import Candidate, NothingToEvaluate, Trial
from scoring_api.settings import SCHEMA

DEFAULT = "b2b-onboarding"
_EVERY_S = 0.1


class ModelNotFound(Exception):
    """There is no model of this name and no file of this path."""


def say(**line: Any) -> None:
    """Write one line for who started us."""
    print(json.dumps(line), flush=True)


def candidate_of(study: Study, wanted: str) -> Candidate:
    """Return the model to try: a file, a shipped one, the data set's own, else the default. Raises ModelNotFound."""
    own = study.settings.get("model")
    if not wanted and isinstance(own, dict):
        return Candidate(own, adapted=True)
    wanted = wanted or DEFAULT
    shipped = {one.parsed.id: one for one in read_shipped()}
    if wanted in shipped:
        return Candidate(shipped[wanted].document, adapted=False)
    path = Path(wanted)
    if not path.is_file():
        raise ModelNotFound(f"there is no model {wanted!r}: name a file, or one of {', '.join(sorted(shipped))}")
    return Candidate(read_bytes(path.read_bytes(), path.name).document, adapted=False)


def unforeseen(folder: Path, error: BaseException) -> str:
    """Name what nobody foresaw in one line: the data set, what went wrong, where, and what the store says of it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    place = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    where = f" ({Path(place.filename).name}:{place.lineno})" if place else ""
    told = " ".join(str(one) for one in (error, getattr(error, "detail", None)) if one)
    return f"{folder} cannot be evaluated: {type(error).__name__}{where}: {told}"


async def run(folder: Path, wanted: str, split: dict[str, list[str]], database_url: str) -> dict[str, Any]:
    """Evaluate and return the report. Raises DataUnreadable, NothingToEvaluate, ModelNotFound, ModelDocumentInvalid."""
    said, since = 0.0, time.monotonic()

    def progress(done: float, of: float, what: str) -> None:
        nonlocal said
        if time.monotonic() - said > _EVERY_S:
            said = time.monotonic()
            say(progress=[done, of, what])

    study = open_study(folder, split)
    candidate = candidate_of(study, wanted)
    reference = next(one.parsed for one in read_shipped() if one.parsed.id == DEFAULT)
    feed = await asyncpg.connect(database_url)
    pool = await open_pool(database_url, SCHEMA, process="evaluate", size=4, statement_timeout_s=600)
    try:
        report = await Trial(study, feed, pool, progress).run(candidate, reference)
    finally:
        await pool.close()
        await feed.close()
    return report | {"seconds": round(time.monotonic() - since, 1)}


def main() -> None:
    """Run; exit 2 for a refusal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="")
    parser.add_argument("--train", action="append")
    parser.add_argument("--test", action="append")
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    try:
        split = {side: said for side in ("train", "test") if (said := getattr(asked, side))}
        report = asyncio.run(run(asked.folder, asked.model, split, os.environ["MILEPOST_DATABASE_URL"]))
        if asked.report is not None:
            report["files"] = [str(path) for path in write_report(asked.report, report)]
    except (DataUnreadable, NothingToEvaluate, ModelNotFound, ModelDocumentInvalid, ModelInvalid, OSError) as error:
        say(refusal=str(error))
        raise SystemExit(2) from None
    except Exception as error:
        say(refusal=unforeseen(asked.folder, error))
        raise SystemExit(2) from error
    say(report=report)


if __name__ == "__main__":
    main()
