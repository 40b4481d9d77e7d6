"""What the users of each persona wrote and did, as the lines of `cluster_<N>.jsonl`.

In: `clusters` and `english_users` of the day; `user_actions`, `english_posts` and, where messages that were let
pass are asked for, `embeddings` over the window. Out: lines in the order of time, `user_clusters.json`, and an
account of every action of the window. Grain: one line is a conversation, an action and what it acted on, or a
message that a user let pass. Dropped: actions whose content is unknown or not English, counted by reason.
"""
