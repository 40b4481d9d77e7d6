"""The asset `clusters`: the users of a window, clustered by the mean of their posts' vectors.

Reads `embeddings` over the window and `english_users` of the day, which covers the same window. Writes one row per user
with its cluster and its cosine similarity to the cluster's centre. Users who refuse embedding or are gone, and users
without a vector in the window, are dropped and counted. There are none if both inputs come from the same
`english_posts` and the same `consents`.

Three side tables: `cluster_certainty` (a row per user: second nearest cluster, silhouette, clusters of the coarser
levels), `cluster_centres` (a row per cluster: the mean of its users' vectors, unit length) and `cluster_curve` (a row
per number of clusters tried). With `whiten_users`, similarities and silhouettes are measured on the whitened vectors,
and centres are still means of the users' own vectors.
"""
