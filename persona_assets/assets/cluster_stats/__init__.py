"""The asset `cluster_stats`: counts, words, typical posts and topics of each cluster, as data and as a report.

In: `clusters` with their levels, `persona_labels` and the side tables of `cluster_jsonl` of the day; `lineage`;
`english_posts` and `embeddings` over the window. Out: a folder for each day with `stats.json`, `report.md`,
`report.html`, `cluster_stats.parquet` (one row for each cluster), `cluster_sizes.png`, `map.png`, `map_small.png`,
`map.svg` and `map_positions.parquet`.
Left out of words, topics, typical posts and the map: users who refuse embedding or inference, and deleted posts.
Nothing else is dropped: the actions of users without a persona are counted separately, and a cluster with too few posts
for topics says so. An event that was delivered on two days counts once.

Stop words are left out of words, labels and topics: in English a fixed list, in other languages the words that most
clusters share. Words are what is between spaces and punctuation: in a language that is written without spaces they are
whole phrases.

`stats.json` follows `stats.schema.json` in this folder (JSON Schema, 2020-12). Its keys are sorted:
    provenance: how the report was made: the window's days, and the settings and versions of this asset and of each
        asset before it, as `provenance.build_provenance` returns them.
    day, n_clusters: the partition, and the number of clusters.
    totals, without_persona: counts (below) over all clusters, and of users in no cluster (whose number is given as
        0; an event in the files of two days counts twice).
    outcomes: number of actions of the window by action and outcome.
    clusters: sorted by cluster_id, each with
        cluster_id, label, users, share (of all users in clusters);
        counts: users, total (of actions), posts, replies, like, unlike, repost, unrepost, follow, unfollow,
            block, unblock, post_update, post_delete, quote, profile_update, account_status, and ignore (an
            estimate, so not part of total);
        medians: median number of actions per user, by the same names without users, ignore and
            account_status;
        hours: 24 shares of the cluster's actions, by hour of the day (UTC);
        nearest: the three clusters whose mean post is most similar, each with cluster_id and similarity (cosine);
        words: highest score first, each with word, score (class-based TF-IDF) and users (of the cluster who wrote it);
        medoids: the post nearest the mean of the cluster's posts, then near ones that are unlike those before (MMR),
            each with uri, similarity and, if the setting `show_posts` is on, text;
        topics: LDA topics of a sample of at most 600 posts, each a list of words, the topic with most posts
            first. Their number is 3, 5 or 8, whichever gives the highest topics_coherence (c_v). topics_note: why
            there are none.
"""
