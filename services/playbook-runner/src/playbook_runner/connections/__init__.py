"""Connections to the outside: outlets, passes for CRMs, setting them up, and health written back."""
