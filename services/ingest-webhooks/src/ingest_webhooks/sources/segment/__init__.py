"""Segment: its webhook destination, and messages of analytics libraries."""
