"""The command `milepost model`: score models as documents, checked, kept, compared and put in charge."""
