"""Figuring: what a CRM is told of an account, read from its health document; it asks nobody and writes nothing."""

from milepost_contracts.health import HealthDigest
from milepost_contracts.references import SALESFORCE, Malformed, canonical, salesforce_id
from playbook_runner.actions.crm.answers import MOST_REASON, Figures
from playbook_runner.actions.message import one_line
from playbook_runner.connections.connecting import OpenOutlet

NO_REASON = "nothing costs points"
MOST_MODEL = 120


def figures_of(health: HealthDigest) -> Figures:
    """Return score, band, the reason that costs the most points, model version and moment, as one."""
    costs = [
        *((driver.points_lost, driver.signal, driver.sentence) for driver in health.drivers),
        *((-gate.points, gate.id, gate.sentence) for gate in health.gates),
    ]
    worst = min((one for one in costs if one[0] > 0), key=lambda one: (-one[0], one[1]), default=None)
    reason = NO_REASON if worst is None else worst[2]
    return Figures(
        score=None if health.score is None else round(health.score, 1),
        band=health.effective_band.band,
        reason=one_line(reason, MOST_REASON),
        model=one_line(f"{health.model.id} v{health.model.version}", MOST_MODEL),
        computed_at=health.computed_at,
    )


def record_of(references: tuple[str, ...], outlet: OpenOutlet) -> str | None:
    """Return the id of an account's company in the CRM behind an outlet, None when none of its names leads there.

    Of several the first in order of text, so that it is the same one every time.
    """
    if outlet.kind == "hubspot":
        beginning = f"hubspot:{outlet.settings['portal_id']}:"
    else:
        beginning = f"{SALESFORCE}{outlet.settings['organization_id']}:"
    found = sorted(one.removeprefix(beginning) for one in map(_canonical, references) if one.startswith(beginning))
    fit = [one for one in found if (one.isdigit() if outlet.kind == "hubspot" else salesforce_id(one))]
    return fit[0] if fit else None


def _canonical(reference: str) -> str:
    try:
        return canonical(reference)
    except Malformed:
        return ""
