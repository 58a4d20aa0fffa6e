"""Versioned documents on a service's shelf, of whatever kind: checked, kept, shown and compared."""
