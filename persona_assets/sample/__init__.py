"""Generate a small synthetic capture with known ("planted") personas, for `make demo` and for tests of the whole graph.

In: numbers of days, users and personas, and a seed. Out: a folder of Jetstream files, a file with the persona of each
user, against which the clusters can be scored, and a manifest with counts. Every person, identifier and sentence is
invented. Some lines are damaged or duplicated on purpose, and the manifest counts them.
"""
