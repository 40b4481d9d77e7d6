"""What users did on a day: one row an action, each told once.

In: `raw_events` of the day. Out: posts, replies, quotes, likes, reposts, follows, blocks, their undoings, updates
and deletions, profile updates and account status. Dropped: events delivered twice, and events that are no action,
counted by collection and operation; events read = actions + duplicates + events that are no action.
"""
