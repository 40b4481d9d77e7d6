"""Read the vectors of a window's posts, each post once, average them by user and compare users with centres.

Reads `embeddings` over the window. Yields batches of validated vectors with a number for each author. Posts of other
users are left out. A post delivered on several days is in the files of several days: only the first one in the order of
the files is used.

`user_vectors` makes the vector of each user from them, and `assign` finds the nearest centres of vectors.
"""
