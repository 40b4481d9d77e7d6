"""The asset `embeddings`: the vector of each English post of a day.

Reads `english_posts` of the day. Writes one row per post, sorted by `uri`, with its unit vector. The vectors are those
of the configured model with its own pooling and prefix. No post is dropped. Equal texts are computed once. Texts longer
than `max_tokens` are truncated, and their share is in the metadata.
"""
