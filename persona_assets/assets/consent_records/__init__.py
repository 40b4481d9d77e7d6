"""The asset `consent_records`: what accounts said on a day about the use of their data, and what happened to them.

Reads `raw_events` of the day. Writes one row per statement: a purpose that a record allows or refuses, the self-labels
of a profile, or an account event; of each record and account the last state of the day. The side table `deleted_posts`
has the posts that their authors deleted. Dropped and counted: records that are no readable declaration, and states that
a later event of the day replaced.
"""
