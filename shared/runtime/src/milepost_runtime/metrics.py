"""The measurements that every process takes; it names no account, no address and no id."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()

LANE_CLAIMED = Counter("milepost_lane_claimed", "Rows claimed from a lane", ["lane"], registry=REGISTRY)
LANE_FAILED = Counter("milepost_lane_failed", "Batches of a lane that raised", ["lane"], registry=REGISTRY)
LANE_BURIED = Counter("milepost_lane_buried", "Rows put out of the way", ["lane"], registry=REGISTRY)
LANE_FENCED = Counter(
    "milepost_lane_fence_rejected", "Writes refused because the claim was lost", ["lane"], registry=REGISTRY
)
LANE_SECONDS = Histogram(
    "milepost_lane_batch_seconds",
    "Time to handle one claimed batch",
    ["lane"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
    registry=REGISTRY,
)
LANE_DUE = Gauge("milepost_lane_due", "Rows of a lane that are due now", ["lane"], registry=REGISTRY)
LANE_OLDEST = Gauge(
    "milepost_lane_oldest_due_seconds", "Age of the oldest due row of a lane", ["lane"], registry=REGISTRY
)
FEED_BEHIND = Gauge(
    "milepost_feed_behind", "Ids of a feed that its reader has not passed yet", ["feed"], registry=REGISTRY
)
FEED_UNREADABLE = Counter(
    "milepost_feed_unreadable",
    "Rows of a feed that could not be recorded and were set aside",
    ["feed"],
    registry=REGISTRY,
)
HINTS = Counter("milepost_hints", "Wake-ups sent through the queue", ["outcome"], registry=REGISTRY)
HTTP_SECONDS = Histogram(
    "milepost_http_request_duration_seconds",
    "Time to answer a request",
    ["route", "method", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)
LOOP_LAG = Gauge("milepost_loop_lag_seconds", "How late the event loop last woke", registry=REGISTRY)


def exposition() -> bytes:
    """Return all measurements in the Prometheus text format."""
    return generate_latest(REGISTRY)
