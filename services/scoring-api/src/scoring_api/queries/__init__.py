"""The only place of this service that speaks SQL; nothing here commits, the callers' transactions do."""
