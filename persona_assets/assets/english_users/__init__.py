"""Users with enough English posts in the window to have a persona.

In: `english_posts` and `user_actions` over the window. Out: one row a user with at least `min_english_posts`
English posts, replies or quotes. Dropped: users who wrote fewer, counted by how many they lack.
"""
