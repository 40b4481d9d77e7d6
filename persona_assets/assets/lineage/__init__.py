"""Lineage: which persona each cluster is, by a number that persists from day to day, and what became of the others.

In: `clusters` with their centres, of all days there are. Out: one row a cluster and day, with its persona and whether
that was born, continued or split off; and one row a persona that ended, on the day that it was merged or gone.
Nothing is dropped. Days that have no clusters are bridged: a day is compared with the last one that has.
"""
