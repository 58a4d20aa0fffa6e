"""Small score models to make claims about, as documents.

Nothing here is special: each is what a person could have written.
"""

import copy
from typing import Any

Document = dict[str, Any]

RISING = {"kind": "piecewise", "points": [[0, 0], [100, 100]]}


def last_signal(name: str, dimension: str, weight: float = 1.0, **more: Any) -> Document:
    """A signal that is the newest value of the events named after it, worth that many points."""
    source = {"agg": "last", "where": {"type": f"m_{name}"}}
    return {"id": name, "dimension": dimension, "weight": weight, "source": source, "normalise": RISING, **more}


def document(*signals: Document, **more: Any) -> Document:
    """A model of these signals; their dimensions weigh the same unless ``dimensions`` says otherwise."""
    names = list(dict.fromkeys(signal["dimension"] for signal in signals))
    plain = {"dimensions": [{"id": name, "weight": 1} for name in names], "signals": list(signals)}
    return copy.deepcopy(plain | more)


def one_signal(source: Document, normalise: Document | None = None, **more: Any) -> Document:
    """A model of a single signal ``s`` in a single dimension."""
    return document({"id": "s", "dimension": "d", "source": source, "normalise": normalise or RISING, **more})


def five_dimensions(**more: Any) -> Document:
    """The usual 30/25/20/15/10 with one signal each."""
    weights = {"usage": 30, "onboarding": 25, "support": 20, "engagement": 15, "commercial": 10}
    signals = [last_signal(name, name) for name in weights]
    dimensions = [{"id": name, "weight": weight} for name, weight in weights.items()]
    return document(*signals, dimensions=dimensions, **more)
