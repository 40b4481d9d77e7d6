"""The asset `embeddings`: the vector of each English post of a day.

Reads `english_posts` of the day. Writes one row per post, sorted by `uri`, with its unit vector. The vectors are those
of the configured model with its own pooling and prefix. Posts of accounts that refuse embedding or are gone, and
deleted posts, are left out and counted. Equal texts are computed once. Texts longer than `max_tokens` are truncated,
and their share is in the metadata.
"""
