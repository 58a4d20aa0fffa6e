"""What a template may know of an account: the health document, cut down to clean words; it never asks or sends."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from milepost_contracts.health import Driver, GateView, HealthDocument
from milepost_core.playbooks import Playbook
from playbook_runner.actions.message import one_line

MOST_REASONS = 2
MOST_NEXT_STEPS = 2

# What templates are tried with when a playbook is saved: every name that `brief` gives, with plausible values.
SPECIMEN: Mapping[str, Any] = {
    "account": {
        "id": "0190f3d2-0000-7000-8000-000000000000",
        "name": "Aurora Logistics",
        "segment": "mid-market",
        "stage": "activation",
        "owner": "kim@milepost.example",
    },
    "score": "38.2",
    "band": "red",
    "confidence": "high",
    "reasons": [
        {
            "label": "Overdue tasks",
            "sentence": "6.2 of 8.3 points lost: overdue tasks 3 (target 0)",
            "points_lost": "6.2",
        },
        {
            "label": "Active seats",
            "sentence": "5.0 of 9.0 points lost: active seats 31 % (target 80 %)",
            "points_lost": "5.0",
        },
    ],
    "gates": [{"label": "Sponsor left", "sentence": "the sponsor has left, so the score is held below 70"}],
    "next_steps": [{"label": "Finish the overdue tasks", "because": "worth 6.2 points"}],
    "model": {"id": "b2b-onboarding", "version": 3},
    "as_of": "2026-03-02 09:00 UTC",
    "link": "https://milepost.example/app/accounts/0190f3d2-0000-7000-8000-000000000000",
    "playbook": {"id": "specimen", "name": "Specimen", "version": 1, "re_entry_days": 7},
}

# The least that `brief` ever gives; a template has to work with it as well.
SPARSE: Mapping[str, Any] = {
    **SPECIMEN,
    "account": {**SPECIMEN["account"], "segment": "", "stage": "", "owner": ""},
    "reasons": SPECIMEN["reasons"][:1],
    "gates": [],
    "next_steps": [],
}


class NoReasons(Exception):
    """The document names nothing that costs points: there is nothing to write about."""


def brief(health: HealthDocument, playbook: Playbook, page_base: str) -> dict[str, Any]:
    """Return the view that templates see: SPECIMEN's names, with this account's values.

    The reasons are what costs the most points: two of the drivers by points lost and the gates by points taken (ties
    by id). `gates` are those that are no reason already. Foreign text comes as single lines without control
    characters. Raises NoReasons.
    """
    reasons = _costliest(health)
    if not reasons:
        raise NoReasons(f"nothing costs account {health.account.id} points")
    return {
        "account": _account(health),
        "score": "–" if health.score is None else f"{health.score:.1f}",
        "band": health.effective_band.band,
        "confidence": health.confidence.word,
        "reasons": [_said(reason) | {"points_lost": f"{lost:.1f}"} for reason, lost in reasons],
        "gates": [_said(gate) for gate in health.gates if all(gate is not reason for reason, _ in reasons)],
        "next_steps": [
            {"label": one_line(step.label), "because": one_line(step.because, 300)}
            for step in health.next_steps[:MOST_NEXT_STEPS]
        ],
        "model": {"id": one_line(health.model.id), "version": health.model.version},
        "as_of": f"{health.as_of:%Y-%m-%d %H:%M} UTC",
        "link": page_link(health, page_base),
        "playbook": {
            "id": playbook.id,
            "name": playbook.name,
            "version": playbook.version,
            "re_entry_days": playbook.re_entry.days,
        },
    }


def _costliest(health: HealthDocument) -> list[tuple[Driver | GateView, float]]:
    lost: list[tuple[float, str, Driver | GateView]] = [
        *((driver.points_lost, driver.signal, driver) for driver in health.drivers),
        *((-gate.points, gate.id, gate) for gate in health.gates),
    ]
    ranked = sorted((one for one in lost if one[0] > 0), key=lambda one: (-one[0], one[1]))
    return [(reason, points) for points, _, reason in ranked[:MOST_REASONS]]


def _account(health: HealthDocument) -> dict[str, str]:
    account = health.account
    return {
        "id": str(account.id),
        "name": one_line(account.name, 120) or str(account.id),
        "segment": one_line(account.segment or ""),
        "stage": one_line(account.stage or ""),
        "owner": one_line(account.owner or ""),
    }


def _said(what: Driver | GateView) -> dict[str, str]:
    return {"label": one_line(what.label), "sentence": one_line(what.sentence, 300)}


def page_link(health: HealthDocument, page_base: str) -> str:
    """Return the address of the account's page; only http and https, relative ones under `page_base`."""
    link = urljoin(page_base.rstrip("/") + "/", one_line(health.links.get("page", ""), 500))
    return link if urlsplit(link).scheme in ("http", "https") else page_base
