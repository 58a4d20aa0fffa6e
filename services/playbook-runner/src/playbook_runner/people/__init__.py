"""People and their work: hours, stand-ins, tasks, gates, queues, and what they did told back."""
