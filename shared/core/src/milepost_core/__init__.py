"""The laws of Milepost: what a score is, why it is so, and what follows from it.

Reading order, from the door inwards:

1. ``events``       the words for what happened, and which of them open or close an item
2. ``model``        a score model as a document: its parts, how it is parsed, what is refused
3. ``readings``     what was measured about each account, before any judgement
4. ``curves``       from a reading to points between 0 and 100 (``cohorts``: against whom)
5. ``scoring``      from points to a score with coverage, honest range, gates, band, confidence
6. ``explanation``  why the score is so, in numbers that add up and in sentences
7. ``transitions``  bands over time and what counts as news (``trends``, ``overrides``)
8. ``what_if``      the smallest change to the next band
9. ``playbooks``, ``cadence``, ``effects``   what outreach a change starts, when the
   next step is due, and what may become of it

Everything here is a pure function of its arguments. It never reads a clock, a file, a setting or
a random number; moments (``as_of``, ``at``) are arguments, and all of them are aware UTC instants.
"""
