"""Score models as documents: checked, kept, compared, proved, put in charge."""
