"""The posts of the day that are in the language looked for, English by default.

In: `user_actions` of the day. Out: one row an English post, reply or quote, sorted by `uri`, with how that was
decided in `language_reason`. Dropped: messages in another language, messages without words, and all but the
last version of a post that was written again under the same uri; each counted by its reason in `reasons.py`.
"""
