"""The posts, replies and quotes of a day in one language, English by default.

In: `user_actions` of the day. Out: one row per post in the language, sorted by `uri`; `language_reason` says how the
language was decided. Dropped: posts in other languages, posts without words, and all but the last version of a post
that was written again under the same URI. Each is counted by its reason (`reasons.py`).
"""
