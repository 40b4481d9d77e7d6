"""Parses the capture files of a day into a table of events and a table of rejected lines.

In: the files of a day below the capture's root. Out: `raw_events`, one row per commit, identity, account or sync event,
duplicates included; `rejected_lines`, one row per line that is not an event, with the reason. A line may hold several
JSON objects or an array of them: each object is an event or is rejected. Nothing is dropped: lines read + objects
beyond the first of their line = events + rejected + forgotten, which are left out because their account was forgotten
(`persona-forget`). Texts and language lists are truncated to the limits of their lexicon.
"""
