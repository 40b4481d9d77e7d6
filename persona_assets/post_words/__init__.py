"""The words of a window's posts, each post once: one reader for all who count words or phrases of clusters.

In: `english_posts` over the window, and the cluster of each user. Out: a relation with the words of each post, and the
stop words of the language. Left out: posts of other users, and further deliveries of a post.
"""
