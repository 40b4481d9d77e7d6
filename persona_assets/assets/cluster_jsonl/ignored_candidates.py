"""Find the posts that users may have seen and did nothing with, and what speaks for it."""

from __future__ import annotations

from typing import Literal

import duckdb

Candidates = Literal["follows", "cluster"]

# A persona of fewer users says too little about what its users would like.
LEAST_USERS = 5
# What can make a post a candidate for a user: who showed it to the user, or nobody.
RULES = {"post": "followed author", "like": "followed liker", "repost": "followed reposter"}
DRAWN_RULE = "drawn in cluster"

LARGE = f"""
    CREATE TEMP TABLE large AS
    SELECT cluster_id, count(*) AS users FROM members GROUP BY cluster_id HAVING count(*) >= {LEAST_USERS}
"""  # noqa: S608 - the number is a constant of this file

FOLLOWING = """
    CREATE TEMP TABLE following AS
    SELECT f.member, f.cluster_id, f.account, f.event_time_us AS since_us, min(u.event_time_us) AS until_us
    FROM toward AS f
    LEFT JOIN toward AS u ON u.uri = f.uri AND u.action = 'unfollow'
    WHERE f.action = 'follow' AND f.cluster_id IN (SELECT cluster_id FROM large)
    GROUP BY ALL
"""
"""Who follows whom from when until when, among users of clusters that are large enough."""

TOUCHED = """
    CREATE TEMP TABLE touched AS
    SELECT DISTINCT a.cluster_id, a.member, posts.id AS target_id
    FROM (
        SELECT members.member, members.cluster_id, target_uri AS uri
        FROM user_actions AS a JOIN members ON members.user_id = a.user_id
        WHERE action IN ('like', 'repost')
        UNION ALL
        SELECT member, cluster_id, parent_uri FROM messages WHERE member IS NOT NULL AND parent_uri IS NOT NULL
        UNION ALL
        SELECT member, cluster_id, quoted_uri FROM messages WHERE quoted_uri IS NOT NULL
    ) AS a
    JOIN messages AS posts ON posts.uri = a.uri
    WHERE posts.is_english
"""
"""The English posts that each user liked, reposted, answered or quoted, undone later or not."""

PRESENT = """
    CREATE TEMP VIEW present AS
    SELECT DISTINCT members.member, a.event_time_us
    FROM user_actions AS a JOIN members ON members.user_id = a.user_id
    WHERE a.action <> 'account_status'
"""
"""When each user did something, and so was there to see."""

SHOWN = f"""
    CREATE TEMP VIEW shown AS
    SELECT user_id AS account, id AS target_id, member AS author, event_time_us AS shown_us, '{RULES["post"]}' AS rule
    FROM messages WHERE is_english
    UNION ALL
    SELECT
        a.user_id, posts.id, posts.member, a.event_time_us,
        CASE a.action WHEN 'like' THEN '{RULES["like"]}' ELSE '{RULES["repost"]}' END
    FROM user_actions AS a JOIN messages AS posts ON posts.uri = a.target_uri
    WHERE a.action IN ('like', 'repost') AND posts.is_english
"""  # noqa: S608 - the strings are constants of this file
"""What an account shows to who follows it, and when."""

SEEN_BY_FOLLOWING = """
    CREATE TEMP TABLE seen AS
    WITH exposures AS (
        SELECT
            f.member, f.cluster_id, f.account, shown.target_id, shown.shown_us, shown.rule, f.until_us,
            greatest(shown.shown_us, f.since_us) AS from_us
        FROM following AS f JOIN shown ON shown.account = f.account
        ANTI JOIN touched ON touched.member = f.member AND touched.target_id = shown.target_id
        WHERE shown.author IS DISTINCT FROM f.member
    )
    SELECT
        e.member, e.cluster_id, e.target_id,
        min({'at': present.event_time_us, 'shown_us': e.shown_us, 'rule': e.rule, 'shown_by': e.account}) AS first
    FROM exposures AS e
    ASOF JOIN present ON present.member = e.member AND present.event_time_us > e.from_us
    WHERE present.event_time_us <= least(e.shown_us + 86400000000, coalesce(e.until_us, present.event_time_us))
    GROUP BY ALL
"""
"""What each user probably saw and did nothing with: from the time that it was shown and followed, until the
user's next act, if that came within a day. `first.at` is the time of that act: the user was there then."""

SEEN_BY_DRAW = f"""
    CREATE TEMP TABLE seen AS
    WITH crowd AS (
        SELECT cluster_id, member, row_number() OVER (PARTITION BY cluster_id ORDER BY member) - 1 AS place
        FROM members SEMI JOIN large USING (cluster_id)
    ),
    posts AS (
        SELECT
            id, member AS author, event_time_us AS shown_us,
            (md5_number_lower($seed || ' ' || uri) % 1000000007)::BIGINT AS draw
        FROM messages WHERE is_english
    ),
    drawn AS (
        SELECT crowd.member, crowd.cluster_id, posts.id AS target_id, posts.shown_us
        FROM posts CROSS JOIN large
        JOIN crowd ON crowd.cluster_id = large.cluster_id AND crowd.place = (draw + large.cluster_id) % large.users
        ANTI JOIN touched ON touched.cluster_id = large.cluster_id AND touched.target_id = posts.id
        WHERE posts.author IS DISTINCT FROM crowd.member
    )
    SELECT
        d.member, d.cluster_id, d.target_id,
        {{'at': present.event_time_us, 'shown_us': d.shown_us, 'rule': '{DRAWN_RULE}', 'shown_by': NULL::VARCHAR}}
            AS first
    FROM drawn AS d
    ASOF JOIN present ON present.member = d.member AND present.event_time_us > d.shown_us
    WHERE present.event_time_us <= d.shown_us + 86400000000
"""  # noqa: S608 - the string is a constant of this file
"""The reference's candidates: each post that no user of the cluster acted on was let pass by one of them, drawn by a
hash of the seed and its URI. With its faults mended: not by its author, and only by one who was there within a day. Who
knows the seed can choose a record key that is drawn for a user: a seed of one's own keeps strangers from that."""


def find_candidates(con: duckdb.DuckDBPyConnection, candidates: Candidates, *, seed: int) -> None:
    """Create the table `seen`: which users of large clusters may have let which posts pass, at most once each.

    Its columns are `member`, `cluster_id`, `target_id` and `first`: the earliest act of the user after the post was
    shown to it (`at`), when, by which rule and by whom that was. Beside it, `large`, `following` and `touched`.

    Args:
        con: With the tables of `window.load_window` and `targets.resolve_targets`.
        candidates: Posts that "follows" show to a user, or all posts of the window, one user of each "cluster" each;
            the latter takes time in proportion to posts times clusters.
        seed: Of the draw.
    """
    for statement in (LARGE, FOLLOWING, TOUCHED, PRESENT):
        con.execute(statement)
    if candidates == "follows":
        con.execute(SHOWN)
        con.execute(SEEN_BY_FOLLOWING)
    else:
        con.execute(SEEN_BY_DRAW, {"seed": str(seed)})
