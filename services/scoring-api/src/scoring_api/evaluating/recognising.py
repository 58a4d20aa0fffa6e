"""Which data set a folder holds, known by its files; it reads none of them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scoring_api.evaluating import described, oulad, ravenstack
from scoring_api.evaluating.sheets import DataUnreadable, find
from scoring_api.evaluating.studies import Study

Reader = Callable[[Path, Mapping[str, Any]], Study]
_KNOWN: Mapping[str, tuple[Sequence[str], Reader]] = {
    "oulad": (oulad.FILES, oulad.read),
    "ravenstack": (ravenstack.FILES, ravenstack.read),
}


def open_study(folder: Path, split: Mapping[str, Any] | None = None) -> Study:
    """Return the study of a folder: one that describes itself, or one of the known data sets.

    `split` says otherwise than the description who is trained on and who is tested on. Raises DataUnreadable.
    """
    if not folder.is_dir():
        raise DataUnreadable(f"{folder} is no folder")
    if described.is_one(folder):
        return described.read(folder, split or {})
    for files, read in _KNOWN.values():
        if all(find(folder, name) is not None for name in files):
            return read(folder, split or {})
    needs = "; ".join(f"{name}: {', '.join(files)}" for name, (files, _) in _KNOWN.items())
    raise DataUnreadable(
        f"{folder} is no data set that is known here. It needs evaluation.yaml, events.csv and outcomes.csv, or the"
        f" files of a known one ({needs}; each may end in .gz)"
    )
