"""Which of several words of one thing is the newest: what was told decides, not when it came; it asks nothing.

The aggregation `last` alone follows the law's own words for a tie.
"""


def sequence(rows: str) -> str:
    """Return the expression that orders rows of this name within one instant."""
    return f'coalesce({rows}.sequence, {rows}.event_id) collate "C"'


def newest_first(rows: str) -> str:
    """Return the order of rows of this name by when they happened, the newest first."""
    return f"{rows}.occurred_at desc, {sequence(rows)} desc"


def newest_recorded_first(rows: str) -> str:
    """Return the order that the law gives the aggregation `last`: of two at one instant the later recorded counts."""
    return f"{rows}.occurred_at desc, {rows}.recorded_at desc, {sequence(rows)} desc"


def said_at(rows: str) -> str:
    """Return the expression for when a start was said; a sender that tells no such moment said it when it came."""
    return f"coalesce({rows}.told_at, {rows}.recorded_at)"


def said_last(rows: str) -> str:
    """Return the order of starts of this name, the one said last first."""
    return f"{said_at(rows)} desc, {sequence(rows)} desc"
