"""The routes of the runner, one file per subject."""
