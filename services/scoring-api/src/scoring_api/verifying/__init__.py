"""Verifies worked examples of scores along the real path: events, feed, records, signals SQL, law.

It plays the sender and the judge in a database that is thrown away; it never touches a house that is in use.
"""
