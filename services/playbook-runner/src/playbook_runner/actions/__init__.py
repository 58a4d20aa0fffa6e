"""The channels through which a step reaches the outside, one file per channel."""
