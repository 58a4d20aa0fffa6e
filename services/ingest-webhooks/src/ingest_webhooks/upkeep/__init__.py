"""The inbox looked after: shown, measured, kept within its time."""
