"""Users with at least `min_english_posts` English posts, replies or quotes in the window.

In: `english_posts` and `user_actions` over the window. Out: one row per user. Dropped: users who wrote fewer, counted
by the number that they wrote, and users who refuse embedding or are gone. Deleted posts do not count.
"""
