"""What users did on a day: one row per action, without duplicates.

In: `raw_events` of the day. Out: posts, replies, quotes, likes, reposts, follows and blocks, the undoing of these,
updates and deletions of posts, profile updates and account status. Dropped: events that were delivered twice, and
events that are not actions, counted by collection and operation. Events read = actions + duplicates + events
without action.
"""
