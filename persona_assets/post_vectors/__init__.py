"""The vectors of a window's posts, each post once: one reader for all who sum or compare them.

In: `embeddings` over the window. Out: batches of checked vectors with the number of each author. Left out: posts of
other users, and further deliveries of a post that stands in the files of several days, of which the first in the order
of the files counts.
"""
