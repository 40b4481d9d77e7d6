"""The asset `lineage`: which persona each day's cluster is, by a number that persists from day to day.

Reads `clusters` with their centres, of all days that have them. Writes one row per cluster and day, with its persona
and whether that was born, continued or split off. A persona that ended has a row too, on the day that it was merged or
gone. Nothing is dropped. A day is compared with the last earlier day that has clusters, also across missing days.
"""
