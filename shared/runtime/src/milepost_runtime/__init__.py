"""Plumbing that the three services share; it never knows a word of the domain.

Reading order: settings, logging, ids, database, migrations, lanes, feeds, queue, worker for the side
that works; problems, keys, health, hot, web for the side that answers; secrets, http, failpoints and
metrics beside both.
"""
