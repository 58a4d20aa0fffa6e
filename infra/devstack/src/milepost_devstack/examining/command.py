"""The words of `milepost verify-answers` and `milepost evaluate` on the command line; the work is done elsewhere."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from milepost_devstack.options import AsJson


def verify_answers(
    file: Annotated[Path, typer.Argument(help="Worked examples of scores: JSON in the format score-known-answers/1.")],
    as_json: AsJson = False,
) -> None:
    """Check worked examples of scores along the real path: events, feed, records, signals, law.

    Runs in a database of its own, beside a running house or without one. Exit status 1 when a value differs by more
    than the file's tolerance, or when anything that an example says is not understood.
    """
    from milepost_devstack.examining import programs, showing, unwinding  # noqa: PLC0415

    with programs.bar("verifying", quiet=as_json) as watch:
        outcome = unwinding.to_the_end(programs.run("scoring_api.verifying", [str(file.absolute())], watch))
    print(json.dumps(outcome.report)) if as_json else showing.show_verdicts(outcome.report)
    sys.stdout.flush()
    raise typer.Exit(outcome.status)


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="A folder: a known data set, or one with evaluation.yaml.")],
    model: Annotated[str, typer.Option(help="A file, or the id of a shipped model; without: the data set's own.")] = "",
    train: Annotated[list[str] | None, typer.Option(help="A cohort to train on, or the date before; repeat.")] = None,
    test: Annotated[
        list[str] | None, typer.Option(help="A cohort to test on, or the date from which on; repeat.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Where to; without: evaluation-NAME in this folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Try a score model on what became of accounts, and write a report: at each past moment only what was visible then.

    Curves, thresholds and probabilities come from the training cohorts, every figure from the test cohort. Runs in a
    database of its own, beside a running house or without one.
    """
    from milepost_devstack.examining import programs, showing, unwinding  # noqa: PLC0415

    folder = report or Path(f"evaluation-{dataset.resolve().name}")
    arguments = [str(dataset.absolute()), "--report", str(folder.absolute())]
    given = {"--model": [model] if model else [], "--train": train or [], "--test": test or []}
    arguments += [word for name, values in given.items() for value in values for word in (name, value)]
    with programs.bar("evaluating", quiet=as_json) as watch:
        outcome = unwinding.to_the_end(programs.run("scoring_api.evaluating", arguments, watch))
    print(json.dumps(outcome.report)) if as_json else showing.show_evaluation(outcome.report)
    sys.stdout.flush()
    raise typer.Exit(outcome.status)
