"""Making scores: events recorded, accounts measured and judged, what is news published."""
