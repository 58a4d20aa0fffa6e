"""What a template may know of an account: the health document, cut down to clean words; it never asks or sends."""

from collections.abc import Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, get_args
from urllib.parse import urljoin, urlsplit

from milepost_contracts.health import DriverDigest, GateView, HealthDigest
from milepost_core.playbooks import Band, Playbook
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
        "age_days": 47,
    },
    "summary": "Aurora Logistics is red at 38.2, mostly for overdue tasks.",
    "change_7d": "-12.4",
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
    "milestones": {
        "done": 2,
        "due": 4,
        "late": 2,
        "next": "Data imported",
        "days_late": 26,
        "sentence": "Behind: data imported is late.",
    },
    "model": {"id": "b2b-onboarding", "version": 3},
    "as_of": "2026-03-02 09:00 UTC",
    "link": "https://milepost.example/app/accounts/0190f3d2-0000-7000-8000-000000000000",
    "playbook": {"id": "specimen", "name": "Specimen", "version": 1, "re_entry_days": "7"},
}

# The least that a template has to work with. A healthy account may name no reason at all: what speaks of reasons
# without asking whether there are any is not sent then.
SPARSE: Mapping[str, Any] = {
    **SPECIMEN,
    "account": {**SPECIMEN["account"], "segment": "", "stage": "", "owner": "", "age_days": 0},
    "summary": "There is no score yet: nothing that counts has been observed.",
    "change_7d": "",
    "reasons": SPECIMEN["reasons"][:1],
    "gates": [],
    "next_steps": [],
    "milestones": {"done": 0, "due": 0, "late": 0, "next": "", "days_late": 0, "sentence": ""},
}

# Every template is tried with all of these: a run may come to its step in any band, also one that a person started.
TRIALS: tuple[Mapping[str, Any], ...] = tuple(
    {**view, "band": band} for view in (SPECIMEN, SPARSE) for band in get_args(Band)
)


def brief(health: HealthDigest, playbook: Playbook, page_base: str) -> dict[str, Any]:
    """Return the view that templates see: SPECIMEN's names, with this account's values.

    The reasons are what costs the most points: two of the drivers by points lost and the gates by points taken (ties
    by id). `gates` are those that are no reason already. Foreign text comes as single lines without control
    characters; what is not known is an empty text, or 0 days.
    """
    reasons = _costliest(health)
    return {
        "account": _account(health),
        "summary": one_line(health.summary, 300),
        "change_7d": "" if health.trend.change_7d is None else f"{health.trend.change_7d:+.1f}",
        "milestones": _milestones(health),
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
        "as_of": f"{health.as_of.isoformat(' ', 'minutes')[:16]} UTC",
        "link": page_link(health, page_base),
        "playbook": {
            "id": playbook.id,
            "name": playbook.name,
            "version": playbook.version,
            "re_entry_days": f"{playbook.re_entry.days:g}",
        },
    }


def _costliest(health: HealthDigest) -> list[tuple[DriverDigest | GateView, float]]:
    lost: list[tuple[float, str, DriverDigest | GateView]] = [
        *[(-driver.points_lost, driver.signal, driver) for driver in health.drivers if driver.points_lost > 0],
        *[(gate.points, gate.id, gate) for gate in health.gates if gate.points < 0],
    ]
    lost.sort(key=itemgetter(0, 1))
    return [(reason, -points) for points, _, reason in lost[:MOST_REASONS]]


def _milestones(health: HealthDigest) -> dict[str, Any]:
    plan = health.milestones
    return {
        "done": plan.done,
        "due": plan.due,
        "late": plan.late,
        "next": "" if plan.next is None else one_line(plan.next.label),
        "days_late": 0 if plan.next is None else plan.next.days_late,
        "sentence": one_line(plan.sentence, 300),
    }


def _account(health: HealthDigest) -> dict[str, Any]:
    account = health.account
    return {
        "id": str(account.id),
        "name": one_line(account.name, 120) or str(account.id),
        "segment": one_line(account.segment or ""),
        "stage": one_line(account.stage or ""),
        "owner": one_line(account.owner or ""),
        "age_days": account.age_days or 0,
    }


def _said(what: DriverDigest | GateView) -> dict[str, str]:
    return {"label": one_line(what.label), "sentence": one_line(what.sentence, 300)}


def page_link(health: HealthDigest, page_base: str) -> str:
    """Return the address of the account's page; only http and https, relative ones under `page_base`."""
    page = one_line(health.links.get("page", ""), 500)
    if page.startswith("/app/") and ".." not in page:
        return _root(page_base) + page
    link = urljoin(page_base.rstrip("/") + "/", page)
    return link if urlsplit(link).scheme in ("http", "https") else page_base


@lru_cache(maxsize=8)
def _root(page_base: str) -> str:
    """Return what stands before the path of an address of ours."""
    return urljoin(page_base, "/").rstrip("/")
