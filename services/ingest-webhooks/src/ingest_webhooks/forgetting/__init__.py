"""People who asked to be forgotten: kept out of what comes, taken out of what is there."""
