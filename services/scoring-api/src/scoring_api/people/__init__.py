"""What people say above a score: notes, doubts, pulses, overrides, and forgetting them."""
