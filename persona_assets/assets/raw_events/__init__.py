"""The events of a day, read from the capture line by line, and the lines that are none.

In: the files of a day below the capture's root. Out: `raw_events`, a commit, identity, account or sync event a
row, duplicates included; `rejected_lines`, a line that is no event a row, with its reason. Several objects may share
a line, or an array; each of them is an event or is rejected. Dropped: nothing; lines read + objects beyond the first
of their line = events + rejected. Of texts and languages what is over the bounds of their lexicon is cut off.
"""
