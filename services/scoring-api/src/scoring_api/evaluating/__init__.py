"""Evaluates a score model against outcomes, point in time, along the real path; it claims no more than it shows.

A data set becomes events in a database of its own; the signals SQL measures every account at every past moment, the law
scores, and only afterwards is it looked up who left.
"""
