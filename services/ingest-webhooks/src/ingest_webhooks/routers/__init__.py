"""The HTTP doors of this service; each makes one call."""
