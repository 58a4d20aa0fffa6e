"""The one arbiter of all messages: policies, suppressions, and the word on each message now."""
