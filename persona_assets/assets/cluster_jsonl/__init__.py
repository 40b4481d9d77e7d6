"""The asset `cluster_jsonl`: what the users of each cluster wrote and did, as the lines of `cluster_<N>.jsonl`.

In: `clusters` and `english_users` of the day; `user_actions`, `english_posts` and, if ignored messages are asked for,
`embeddings` over the window. Out: lines sorted by time, `user_clusters.json`, and the number of actions of the window
by outcome. Grain: one line is a conversation, an action with the message that it is about, or a message that a user
ignored. Dropped: actions whose target is unknown or not English, whose author or target's author refuses training or
synthetic content, and deleted posts, counted by reason.

`build.build_lines` runs the steps in order. `relations.py` lists the tables and views that they share in DuckDB.
"""
