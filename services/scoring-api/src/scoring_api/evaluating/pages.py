"""Writes an evaluation as a page that stands alone and as data; it computes no figure."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from scoring_api.evaluating import charts

_PAGES = Environment(
    loader=PackageLoader("scoring_api.evaluating", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_report(folder: Path, report: Mapping[str, Any]) -> list[Path]:
    """Write `report.html` and `report.json` into a folder, made if need be; return their paths. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    page, data = folder / "report.html", folder / "report.json"
    page.write_text(rendered(report), encoding="utf-8")
    data.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return [page, data]


def rendered(report: Mapping[str, Any]) -> str:
    """Return the page of a report."""
    model = report["model"]
    warned, likely = model.get("warnings"), model.get("probability")
    drawn = {
        "looks": charts.ranking_by_look(model.get("looks") or ()),
        "bands": charts.leaving_by_band(warned["bands"]) if warned else None,
        "leads": charts.lead_times(warned["yellow_or_red"]["lead_days"]) if warned else None,
        "calibration": charts.calibration(likely["bins"]) if likely else None,
    }
    frame = {"left": charts.LEFT, "right": charts.RIGHT, "top": charts.TOP, "bottom": charts.BOTTOM}
    return _PAGES.get_template("report.html").render(report=report, model=model, charts=drawn, frame=frame)
