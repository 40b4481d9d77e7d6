"""A small made-up capture with planted personas, for `make demo` and for tests of the whole graph.

In: a number of days, users and personas, and a seed. Out: a folder of Jetstream files, and beside it who
belongs to which persona and how much of what there is, so that what the graph finds can be scored. Every
person, identifier and sentence is invented. Nothing is dropped; lines are damaged and repeated on purpose,
and each of those is counted.
"""
