"""CloudEvents: any sender that speaks the standard."""
