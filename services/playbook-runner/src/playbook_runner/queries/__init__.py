"""Every SQL statement of the runner; nothing here commits, and nothing else here speaks SQL.

One order for all who lock more than one kind: the switch of all outreach (alone to turn it, together to count on it),
then a playbook (alone to change what is in force, together to open runs by it or to count on its pause), then the leave
to open runs, then runs, steps, effects, gates, tasks, then the word about a person or an account, then destinations;
rows of one kind in the order of their keys, and all of a kind at once. Who wants the switch or a playbook alone waits
for those who have it together, and goes before all who come later. What is under a run (steps, effects, gates) is moved
by whoever holds the run (`queries.locking`); who does not hold it locks one kind of it and no other. A task may be the
work of several runs: who ends it takes the runs that wait for it first.
"""
