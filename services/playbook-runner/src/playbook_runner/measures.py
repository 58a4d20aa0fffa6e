"""What the runner counts; no label ever holds an id or an address."""

from prometheus_client import Counter

from milepost_runtime.metrics import REGISTRY

EFFECTS = Counter("milepost_effects", "Moves of effects", ["channel", "move"], registry=REGISTRY)
STEPS = Counter("milepost_steps", "What became of due steps", ["outcome"], registry=REGISTRY)
CIRCUITS = Counter("milepost_circuits", "Circuits of destinations that opened or closed", ["word"], registry=REGISTRY)
WRITEBACKS = Counter("milepost_writebacks", "What CRMs did with health", ["crm", "verdict"], registry=REGISTRY)
QUESTIONS_REFUSED = Counter("milepost_questions_refused", "Questions that the scoring API refuses", registry=REGISTRY)
