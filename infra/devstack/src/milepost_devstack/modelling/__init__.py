"""The command `milepost model`: what sets score models apart from other documents, and putting them in charge."""
