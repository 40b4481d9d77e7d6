"""The vector of each English post of the day.

In: `english_posts` of the day. Out: one row a post, sorted by `uri`: its unit vector as the model of the config
makes it, with that model's own pooling and prefix. Nothing is dropped; equal texts are computed once; texts
beyond `max_tokens` are cut, and counted.
"""
