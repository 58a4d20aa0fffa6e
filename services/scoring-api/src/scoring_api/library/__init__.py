"""The shipped score models, and the schema of such documents."""
