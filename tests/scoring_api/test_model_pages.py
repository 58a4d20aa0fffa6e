"""Claims about the pages that explain the shipped models to people: they say what the documents say."""

from pathlib import Path

import pytest

from scoring_api.documents.checking import ReadModel
from scoring_api.documents.founding import read_shipped

MODELS = {one.parsed.id: one for one in read_shipped()}


@pytest.fixture(params=sorted(MODELS))
def model(request: pytest.FixtureRequest) -> ReadModel:
    return MODELS[request.param]


def test_every_shipped_model_has_a_page_that_tells_what_it_looks_at(model: ReadModel, repository: Path) -> None:
    parsed = model.parsed
    page = (repository / "services/scoring-api/docs/models" / f"{parsed.id}.md").read_text(encoding="utf-8")

    for signal in parsed.signals:
        assert f"| {signal.label} | {signal.texts.target} |" in page, signal.id
    for one in parsed.milestones:
        assert f"| {one.label}{'' if one.required else ' (optional)'} | {one.target_day:g} |" in page, one.id
    for gate in parsed.gates:
        assert f"**{gate.label}.**" in page
        assert f"{gate.cap_score:g}" in page
    assert f"**Green**, {parsed.bands.green:g} and above" in page
    assert f"**Red**, below {parsed.bands.yellow:g}" in page
    for heading in ("What it cannot see", "How to change it", "What outweighs everything"):
        assert f"## {heading}" in page


def test_a_page_tells_how_much_each_theme_counts_in_each_stage(model: ReadModel, repository: Path) -> None:
    parsed = model.parsed
    page = (repository / "services/scoring-api/docs/models" / f"{parsed.id}.md").read_text(encoding="utf-8")

    for stage in parsed.stages:
        row = next(line for line in page.splitlines() if line.startswith(f"| {stage.label} ("))
        shares = [f"{weight / sum(stage.weights):.0%}" for weight in stage.weights]
        assert [cell.strip() for cell in row.split("|")[2:-1]] == shares
