"""What each persona is about: counts, words, typical posts, topics, and a report to look at.

In: `clusters` and the counts beside the files of `cluster_jsonl` of the day; `english_posts` and `embeddings` over the
window. Out: a folder a day with `stats.json`, `report.md`, `report.html`, `cluster_stats.parquet` (a row a
cluster), `cluster_sizes.png`, `map.png`, `map_small.png` and `map.svg`. Nothing is dropped: what users without a
persona did is counted beside the personas, and a cluster with too few posts for topics says so. What was delivered on
two days counts once.

Words that say nothing are left out of words, labels and topics: in English those of a list, in other languages those
that most clusters share. Words are what stands between spaces and signs: of a language that is written without
spaces they are whole phrases.

`stats.json` is as `stats.schema.json` in this folder says (JSON Schema, 2020-12), and has sorted keys:
    provenance: how the report was made: the window's days, and by asset the settings and versions of this step and of
        all before it (as `provenance.build_provenance` returns it).
    day, n_clusters: the partition, and the number of clusters.
    totals, without_persona: counts (below) over all clusters, and of users in none (their number is 0 here, and
        what stands in the files of two days counts twice).
    outcomes: how many actions of the window met which outcome, by action.
    clusters: by cluster_id, each with
        cluster_id, label, users, share (of all users in clusters);
        counts: users, total (of actions), posts, replies, like, unlike, repost, unrepost, follow, unfollow,
            block, unblock, post_update, post_delete, quote, profile_update, account_status, and ignore (an
            estimate, so not part of total);
        medians: what the median user of the cluster did, by the same names, but for users, ignore and
            account_status;
        hours: 24 shares of the cluster's actions, by hour of the day (UTC);
        nearest: the three clusters whose mean post is most similar, each with cluster_id and similarity (cosine);
        words: best first, each with word, score (class-based TF-IDF) and users (of the cluster who wrote it);
        medoids: posts nearest the mean of the cluster's posts, each with uri, similarity and, where the
            setting `show_posts` is on, text;
        topics: LDA topics of a sample of at most 600 posts, each a list of words, the heaviest topic first; their
            number is that of 3, 5 and 8 which gives the highest topics_coherence (c_v); topics_note: why there are
            none.
"""
