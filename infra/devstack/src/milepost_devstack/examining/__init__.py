"""Commands that try the score itself, each in a PostgreSQL of its own that is thrown away afterwards."""
