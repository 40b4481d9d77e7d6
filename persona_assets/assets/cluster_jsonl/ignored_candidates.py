"""Find candidates for ignored messages: posts that a user may have seen and did not act on, with the evidence."""

from __future__ import annotations

from typing import Literal

import duckdb

CandidateSource = Literal["follows", "cluster"]

# A smaller cluster says too little about what its users would like.
MIN_CLUSTER_USERS = 5
# How a followed account showed a post, by the account's action.
RULES = {"post": "followed author", "like": "followed liker", "repost": "followed reposter"}
DRAWN_RULE = "drawn in cluster"

CREATE_LARGE_CLUSTERS = f"""
    CREATE TEMP TABLE large_clusters AS
    SELECT cluster_id, count(*) AS users FROM members GROUP BY cluster_id HAVING count(*) >= {MIN_CLUSTER_USERS}
"""  # noqa: S608 - the number is a constant of this file

CREATE_FOLLOWS = """
    CREATE TEMP TABLE follows AS
    SELECT f.member, f.cluster_id, f.account, f.event_time_us AS since_us, min(u.event_time_us) AS until_us
    FROM account_actions AS f
    LEFT JOIN account_actions AS u ON u.uri = f.uri AND u.action = 'unfollow'
    ANTI JOIN excluded_users ON excluded_users.user_id = f.account
    WHERE f.action = 'follow' AND f.cluster_id IN (SELECT cluster_id FROM large_clusters)
    GROUP BY ALL
"""

CREATE_ENGAGEMENTS = """
    CREATE TEMP TABLE engagements AS
    SELECT DISTINCT actions.cluster_id, actions.member, posts.id AS target_id
    FROM (
        SELECT members.member, members.cluster_id, target_uri AS uri
        FROM user_actions AS a JOIN members ON members.user_id = a.user_id
        WHERE action IN ('like', 'repost')
        UNION ALL
        SELECT member, cluster_id, parent_uri FROM messages WHERE member IS NOT NULL AND parent_uri IS NOT NULL
        UNION ALL
        SELECT member, cluster_id, quoted_uri FROM messages WHERE quoted_uri IS NOT NULL
    ) AS actions
    JOIN messages AS posts ON posts.uri = actions.uri
    WHERE posts.is_english
"""
"""Likes and reposts count even if they are undone later."""

CREATE_ACTIVE_TIMES = """
    CREATE TEMP VIEW active_times AS
    SELECT DISTINCT members.member, a.event_time_us
    FROM user_actions AS a JOIN members ON members.user_id = a.user_id
    WHERE a.action <> 'account_status'
"""
"""A user who does something is taken to be online at that time. An account's status changes without its user."""

CREATE_SHOWN_POSTS = f"""
    CREATE TEMP VIEW shown_posts AS
    SELECT user_id AS account, id AS target_id, member AS author, event_time_us AS shown_us, '{RULES["post"]}' AS rule
    FROM messages WHERE is_english
    UNION ALL
    SELECT
        a.user_id, posts.id, posts.member, a.event_time_us,
        CASE a.action WHEN 'like' THEN '{RULES["like"]}' ELSE '{RULES["repost"]}' END
    FROM user_actions AS a JOIN messages AS posts ON posts.uri = a.target_uri
    WHERE a.action IN ('like', 'repost') AND posts.is_english
"""  # noqa: S608 - the strings are constants of this file

CREATE_CANDIDATES_BY_FOLLOWS = """
    CREATE TEMP TABLE candidates AS
    WITH exposures AS (
        SELECT
            f.member, f.cluster_id, f.account, shown_posts.target_id, shown_posts.shown_us, shown_posts.rule,
            f.until_us, greatest(shown_posts.shown_us, f.since_us) AS from_us
        FROM follows AS f JOIN shown_posts ON shown_posts.account = f.account
        ANTI JOIN engagements ON engagements.member = f.member AND engagements.target_id = shown_posts.target_id
        WHERE shown_posts.author IS DISTINCT FROM f.member
    )
    SELECT
        e.member, e.cluster_id, e.target_id,
        min({
            'active_us': active_times.event_time_us, 'shown_us': e.shown_us, 'rule': e.rule, 'shown_by': e.account
        }) AS evidence
    FROM exposures AS e
    ASOF JOIN active_times ON active_times.member = e.member AND active_times.event_time_us > e.from_us
    WHERE active_times.event_time_us
        <= least(e.shown_us + 86400000000, coalesce(e.until_us, active_times.event_time_us))
    GROUP BY ALL
"""
"""A post is a candidate for a follower of the account that showed it, if the follower's next action came within a day
of the post being shown and before an unfollow. `evidence.active_us` is the time of that action."""

CREATE_CANDIDATES_BY_DRAW = f"""
    CREATE TEMP TABLE candidates AS
    WITH ranked_members AS (
        SELECT cluster_id, member, row_number() OVER (PARTITION BY cluster_id ORDER BY member) - 1 AS rank
        FROM members SEMI JOIN large_clusters USING (cluster_id)
    ),
    posts AS (
        SELECT
            id, member AS author, event_time_us AS shown_us,
            (md5_number_lower($seed || ' ' || uri) % 1000000007)::BIGINT AS draw
        FROM messages WHERE is_english
    ),
    drawn AS (
        SELECT ranked_members.member, ranked_members.cluster_id, posts.id AS target_id, posts.shown_us
        FROM posts CROSS JOIN large_clusters
        JOIN ranked_members ON ranked_members.cluster_id = large_clusters.cluster_id
            AND ranked_members.rank = (draw + large_clusters.cluster_id) % large_clusters.users
        ANTI JOIN engagements
        ON engagements.cluster_id = large_clusters.cluster_id AND engagements.target_id = posts.id
        WHERE posts.author IS DISTINCT FROM ranked_members.member
    )
    SELECT
        d.member, d.cluster_id, d.target_id,
        {{
            'active_us': active_times.event_time_us, 'shown_us': d.shown_us, 'rule': '{DRAWN_RULE}',
            'shown_by': NULL::VARCHAR
        }} AS evidence
    FROM drawn AS d
    ASOF JOIN active_times ON active_times.member = d.member AND active_times.event_time_us > d.shown_us
    WHERE active_times.event_time_us <= d.shown_us + 86400000000
"""  # noqa: S608 - the string is a constant of this file
"""The reference's candidates: each post that no user of a cluster acted on is assigned to one of its users, chosen by a
hash of the seed and the post's URI. Unlike the reference, never to its author, and only to a user who was active within
a day.

Whoever knows the seed can choose a record key that is assigned to a given user. A secret seed prevents that."""


def create_candidates(con: duckdb.DuckDBPyConnection, source: CandidateSource, *, seed: int) -> None:
    """Create the DuckDB table `candidates`: posts that users of large clusters may have seen and did not act on.

    Each pair of a user and a post is there once. `evidence` is the earliest action of the user after the post was
    shown (`active_us`), when that was (`shown_us`), by which rule, and by whom (null if drawn). Also creates
    `large_clusters`, `follows` and `engagements`.

    Args:
        con: After `load.load_window` and `targets.resolve_targets`.
        source: "follows": posts that followed accounts wrote, liked or reposted. "cluster": every post of the window,
            for one user of each cluster; takes time in proportion to posts times clusters.
        seed: Seed of the draw; used only by "cluster".
    """
    for statement in (CREATE_LARGE_CLUSTERS, CREATE_FOLLOWS, CREATE_ENGAGEMENTS, CREATE_ACTIVE_TIMES):
        con.execute(statement)
    if source == "follows":
        con.execute(CREATE_SHOWN_POSTS)
        con.execute(CREATE_CANDIDATES_BY_FOLLOWS)
    else:
        con.execute(CREATE_CANDIDATES_BY_DRAW, {"seed": str(seed)})
