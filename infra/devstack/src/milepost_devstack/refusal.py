"""The one error that commands raise for people to read; it knows nothing of the commands."""


class Refusal(Exception):
    """A command cannot do what it was asked; the message is for people and names the remedy."""
