"""Rehearsals: the live law played over past or future time; nothing comes of them."""
