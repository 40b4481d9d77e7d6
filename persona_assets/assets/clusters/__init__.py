"""Personas: the users of a window in clusters of those who write about the same things.

In: `embeddings` over the window, `english_users` of the day, which covers that window. Out: one row a user
with its cluster and its similarity to the cluster's centre. Dropped: users of whom the window holds no vector,
counted; none do when both inputs come from the same `english_posts`.

Beside the table, each a row a user, cluster or number tried: `cluster_certainty` (the next nearest cluster, the
silhouette, the coarser clusters that it lies in), `cluster_centres` (the mean of the users' vectors, unit length)
and `cluster_curve` (what the number of clusters was chosen from). With `whiten_users`, similarities and silhouettes
are measured where the clusters were fitted, and centres are still means of the users' own vectors.
"""
