"""Labels: a name, a description and key phrases for each cluster of each day, with names that stay with personas.

In: `lineage` and `persona_phrases` of all days. Out: one row a cluster and day. A persona is named on the day on which
it is born and keeps that name while `lineage` continues it. Nothing is dropped: a cluster that `lineage` does not know
has a name of its own and no `persona_id`.
"""
