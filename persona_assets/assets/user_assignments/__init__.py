"""Users of a window, assigned to the personas of an earlier day without a new clustering.

Reads `embeddings` and `english_users` of the window, and from storage `clusters` and `cluster_centres` of the earlier
day, and `lineage` where it is stored. One row is one user of the window. Users without a vector are counted as dropped.
"""
