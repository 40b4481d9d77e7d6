"""Lineage: which persona a cluster is, by a number that persists from day to day, and what became of the others.

In: `clusters` with their centres, of all days up to the partition's own. Out: one row a cluster of the day with
its persona and whether that was born, continued or split off, and one row a persona that ended, merged or gone.
Nothing is dropped. Days that have no clusters are bridged: a day is compared with the last one that has.

Beside the table, `_history`: the same rows of all days up to this one, so that one partition tells the whole story.
"""
