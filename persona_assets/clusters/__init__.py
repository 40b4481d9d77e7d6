"""Personas: the users of a window in clusters of those who write about the same things.

In: `embeddings` over the window, `english_users` of the day, which covers that window. Out: one row a user
with its cluster and its similarity to the cluster's centre, and beside it the centres. Dropped: users of
whom the window holds no vector, counted; none do when both inputs come from the same `english_posts`.
"""
