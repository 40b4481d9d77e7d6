"""Names of personas that stay from day to day.

In: `lineage`, and `persona_phrases` of all days. Out: one row a cluster and day, with the persona that it is, its name
and its description. A persona is named when it is born and keeps its name while it continues; no two have the same.
Nothing is dropped: a day that `lineage` does not know has its own names, and no number of a persona.
"""
