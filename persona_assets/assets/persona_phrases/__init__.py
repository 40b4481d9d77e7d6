"""Evidence for the names of a day's personas: their key phrases, and how their users act compared with the others.

In: `clusters` with their centres, `cluster_jsonl`'s counts of the day, and `english_posts` over the window. Out: one
row a cluster. Bounded: phrases are sought in a sample of each cluster's posts, and a phrase counts only where two users
wrote it, so that no one person's words become a persona's name. `persona_labels` gives names that stay from day to day.
"""
