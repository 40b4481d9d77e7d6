"""The tables and views that this package creates in DuckDB, each declared once.

`test_relations.py` compares each declaration with what DuckDB's `DESCRIBE` returns, and with the SQL of each module.

Columns that mean the same in several relations:
    member: Number of a user who is in a cluster, `members.member`.
    cluster_id: Cluster of that user.
    account: Id (DID) of any user, in a cluster or not.
    id, message_id, target_id, leaf_id, quote_id: Number of a message, `messages.id`; `target_id` is the message that an
        action is about, `leaf_id` the last message of a conversation.
    uri_hash: DuckDB's 64-bit hash of `uri`. It only narrows down which URIs are compared in full.
    *_us: Time in microseconds since 1970 (UTC).
"""

from collections.abc import Mapping

from persona_assets.assets.cluster_jsonl.relation import LINE_INDEX_RELATIONS, Relation

# By the module that creates or registers the relation, in the order of the step, and by name.
RELATIONS: Mapping[str, Mapping[str, Relation]] = {
    "load": {
        "clusters": Relation(
            "A user who is in a cluster.",
            "user_id VARCHAR, cluster_id INTEGER, similarity FLOAT",
            read_by=("excluded",),
        ),
        "english_users": Relation(
            "A user with enough English posts in the window.",
            "user_id VARCHAR, posts BIGINT, english_posts BIGINT, english_share DOUBLE",
            read_by=("accounting",),
        ),
        "user_actions": Relation(
            "An action of any user in the window.",
            "user_id VARCHAR, action VARCHAR, event_time_us BIGINT, uri VARCHAR, text VARCHAR, langs VARCHAR[], "
            "parent_uri VARCHAR, root_uri VARCHAR, quoted_uri VARCHAR, target_uri VARCHAR, target_user_id VARCHAR, "
            "account_status VARCHAR",
            read_by=("accounting", "excluded", "ignored_candidates", "targets"),
        ),
        "english_posts": Relation(
            "An English post, reply or quote of any user in the window.",
            "uri VARCHAR, user_id VARCHAR, action VARCHAR, text VARCHAR, event_time_us BIGINT, is_english BOOLEAN, "
            "language_reason VARCHAR",
        ),
        "members": Relation(
            "A user who is in a cluster, numbered from 0 in the order of user ids.",
            "member INTEGER, user_id VARCHAR, cluster_id INTEGER",
            read_by=(
                "accounting",
                "build",
                "excluded",
                "ignored",
                "ignored_candidates",
                "line_index",
                "targets",
                "write_lines",
            ),
        ),
        "numbered_messages": Relation(
            "A post, reply or quote of any user with its number; exists while `messages` is filled.",
            "id INTEGER, uri VARCHAR, uri_hash UBIGINT, user_id VARCHAR, action VARCHAR, event_time_us BIGINT, "
            "parent_uri VARCHAR, member INTEGER, cluster_id INTEGER, quoted_uri VARCHAR, quote_text VARCHAR, "
            "is_without_text BOOLEAN, is_english BOOLEAN",
        ),
        "messages": Relation(
            "A post, reply or quote of any user, each URI once; its text is in the content file at position `id`.",
            "id INTEGER, uri VARCHAR, uri_hash UBIGINT, user_id VARCHAR, action action_type, event_time_us BIGINT, "
            "parent_uri VARCHAR, member INTEGER, cluster_id INTEGER, quoted_uri VARCHAR, quote_text VARCHAR, "
            "is_without_text BOOLEAN, is_english BOOLEAN",
            read_by=(
                "accounting",
                "engagement_centres",
                "ignored",
                "ignored_candidates",
                "line_index",
                "targets",
                "without_text",
                "write_lines",
            ),
        ),
        "repeated_message_hashes": Relation(
            "A hash that at least two messages have; exists while duplicates are looked for.",
            "uri_hash UBIGINT",
        ),
        "possible_duplicates": Relation(
            "A message whose hash is repeated, with its JSON; exists while duplicates are looked for.",
            "id INTEGER, content VARCHAR",
        ),
        "duplicate_messages": Relation(
            "A message that was removed from `messages` because a later one has the same URI.",
            "id INTEGER, cluster_id INTEGER, action action_type",
            read_by=("accounting",),
        ),
        "cycle_messages": Relation(
            "A message of one reply cycle; exists while that cycle is cut.",
            "id INTEGER",
        ),
    },
    "excluded": {
        "left_out_users": Relation(
            "A row of `excluded_users`; exists while that table is filled.",
            "user_id VARCHAR, author_outcome VARCHAR, target_outcome VARCHAR",
        ),
        "left_out_posts": Relation(
            "A row of `excluded_posts`; exists while that table is filled.",
            "uri VARCHAR",
        ),
        "excluded_users": Relation(
            "An account that no line may have, with the outcomes that it gives to its own actions and to those on it.",
            "user_id VARCHAR, author_outcome VARCHAR, target_outcome VARCHAR",
            read_by=("accounting", "ignored_candidates", "load", "targets"),
        ),
        "excluded_posts": Relation(
            "A post that no line may have because its author deleted it.",
            "uri VARCHAR",
            read_by=("load",),
        ),
        "excluded_messages": Relation(
            "A message of the window that no line may have, with the outcome of actions on it.",
            "uri VARCHAR, outcome VARCHAR",
            read_by=("targets",),
        ),
    },
    "targets": {
        "deleted_posts": Relation(
            "A post that was deleted in the window.",
            "uri VARCHAR",
        ),
        "record_actions": Relation(
            "A like, repost, quote, update or deletion by a member, with the URI of the record that it is about.",
            "member INTEGER, cluster_id INTEGER, action action_type, event_time_us BIGINT, quote_id INTEGER, uri "
            "VARCHAR, text VARCHAR, target_uri VARCHAR",
        ),
        "account_actions": Relation(
            "A follow, unfollow, block or unblock by a member, with the account that it is about.",
            "member INTEGER, cluster_id INTEGER, action VARCHAR, event_time_us BIGINT, uri VARCHAR, account VARCHAR, "
            "is_original_known BOOLEAN",
            read_by=("ignored_candidates",),
        ),
        "target_accounts": Relation(
            "An account that an account action is about, numbered.",
            "account_number BIGINT, account VARCHAR",
        ),
        "account_posts": Relation(
            "An English message of a target account.",
            "account_number BIGINT, event_time_us BIGINT, id INTEGER, uri VARCHAR",
        ),
        "account_post_times": Relation(
            "A time at which a target account posted, with the post of the greatest URI.",
            "account_number BIGINT, event_time_us BIGINT, id INTEGER, posts BIGINT",
        ),
        "account_actions_with_post": Relation(
            "An account action with the account's last English post at or before it, null if there is none.",
            "member INTEGER, cluster_id INTEGER, action VARCHAR, event_time_us BIGINT, uri VARCHAR, account VARCHAR, "
            "is_original_known BOOLEAN, account_number BIGINT, target_id INTEGER",
        ),
        "resolved_actions": Relation(
            "An action of a member other than a post or reply, with its target and outcome.",
            "member INTEGER, cluster_id INTEGER, action action_type, event_time_us BIGINT, quote_id INTEGER, uri "
            "VARCHAR, uri_hash UBIGINT, other_target VARCHAR, text VARCHAR, target_id INTEGER, outcome outcome_type",
            read_by=("accounting", "line_index", "without_text", "write_lines"),
            changed_by=("without_text",),
        ),
        "repeated_action_hashes": Relation(
            "A hash that at least two resolved actions have; exists while duplicates are marked.",
            "uri_hash UBIGINT",
        ),
    },
    "accounting": {
        "counted_actions": Relation(
            "An action of a member, duplicates and account status excluded.",
            "member INTEGER, cluster_id INTEGER, action action_type, event_time_us BIGINT",
        ),
    },
    "ignored_candidates": {
        "large_clusters": Relation(
            "A cluster with enough users for an estimate of what they ignore.",
            "cluster_id INTEGER, users BIGINT",
            read_by=("engagement_centres",),
        ),
        "follows": Relation(
            "A member who follows an account from one time until another, or until the end of the window.",
            "member INTEGER, cluster_id INTEGER, account VARCHAR, since_us BIGINT, until_us BIGINT",
            read_by=("engagement_centres",),
        ),
        "engagements": Relation(
            "A member and an English post that the member liked, reposted, replied to or quoted.",
            "cluster_id INTEGER, member INTEGER, target_id INTEGER",
            read_by=("engagement_centres",),
        ),
        "active_times": Relation(
            "A time at which a member did something.",
            "member INTEGER, event_time_us BIGINT",
        ),
        "shown_posts": Relation(
            "An English post that an account showed to its followers by writing, liking or reposting it.",
            "account VARCHAR, target_id INTEGER, author INTEGER, shown_us BIGINT, rule VARCHAR",
        ),
        "candidates": Relation(
            "A member and a post that the member may have seen and did not act on, with the first evidence.",
            "member INTEGER, cluster_id INTEGER, target_id INTEGER, evidence STRUCT(active_us BIGINT, shown_us "
            "BIGINT, rule VARCHAR, shown_by VARCHAR)",
            read_by=("engagement_centres", "ignored"),
        ),
    },
    "engagement_centres": {
        "engagement_weights": Relation(
            "A cluster and a post that it engages with: its users acted on the post or follow its author.",
            "cluster_id INTEGER, target_id INTEGER, uri VARCHAR, weight FLOAT",
            read_by=("ignored",),
        ),
        "engaged_posts": Relation(
            "A post of the sample that the centres of a cluster are computed from.",
            "cluster_id INTEGER, target_id INTEGER, weight FLOAT",
        ),
        "embedded": Relation(
            "A vector of the window's embeddings as float32; exists while `post_vectors` is filled.",
            "uri VARCHAR, vector FLOAT[d]",
        ),
        "post_vectors": Relation(
            "The vector of an engaged post or of a candidate.",
            "id INTEGER, uri VARCHAR, vector FLOAT[d]",
            read_by=("ignored",),
        ),
        "scored": Relation(
            "The rows of `candidate_scores`; exists while that table is filled.",
            "cluster_id INTEGER, target_id INTEGER, similarity FLOAT",
        ),
        "candidate_scores": Relation(
            "A cluster and a candidate post whose cosine similarity with a centre exceeds the threshold.",
            "cluster_id INTEGER, target_id INTEGER, similarity FLOAT",
            read_by=("ignored",),
        ),
    },
    "ignored": {
        "ignored": Relation(
            "A member and a post that the member ignored, by the estimate; empty if no estimate was asked for.",
            "member INTEGER, cluster_id INTEGER, target_id INTEGER, event_time_us BIGINT, similarity FLOAT, evidence "
            "STRUCT(active_us BIGINT, shown_us BIGINT, rule VARCHAR, shown_by VARCHAR)",
            read_by=("accounting", "write_lines"),
        ),
    },
    "write_lines": {
        "traced_paths": Relation(
            "A message of a conversation line, from the arrays of `threads`; exists while `thread_paths` is filled.",
            "leaf_id INTEGER, position INTEGER, message_id INTEGER, is_first BOOLEAN",
        ),
        "thread_paths": Relation(
            "A message of a conversation line; time, member and cluster are those of the line's last message.",
            "event_time_us BIGINT, member INTEGER, cluster_id INTEGER, leaf_id INTEGER, position INTEGER, message_id "
            "INTEGER, is_first BOOLEAN",
            read_by=("without_text",),
            changed_by=("without_text",),
        ),
        "cut_off_ids": Relation(
            "The rows of `cut_off_messages`; exists while that table is filled.",
            "message_id INTEGER",
        ),
        "cut_off_messages": Relation(
            "A message by a member that is in no line of its cluster, because its thread is too long.",
            "message_id INTEGER",
            read_by=("accounting",),
        ),
        "action_kinds": Relation(
            'A key of "actions" and its number, by which actions of one user and time are sorted.',
            "action VARCHAR, kind TINYINT",
        ),
        "segments": Relation(
            "A part of a line: a message of a conversation (kind 0), or an action and its target.",
            "event_time_us BIGINT, member INTEGER, cluster_id INTEGER, uri_source BIGINT, kind TINYINT, position "
            "INTEGER, is_first BOOLEAN, message_id INTEGER, text VARCHAR",
        ),
        "tied_segments": Relation(
            "A segment whose line has the user and time of another line; exists while these are sorted.",
            "event_time_us BIGINT, member INTEGER, kind TINYINT, position INTEGER, uri_source BIGINT, row BIGINT",
        ),
    },
    "line_index": LINE_INDEX_RELATIONS,
    "without_text": {
        "conversations_without_text": Relation(
            "A conversation line in which no message has a text.",
            "leaf_id INTEGER",
        ),
        "actions_without_text": Relation(
            "An action whose line has no text, by its row in `resolved_actions`.",
            "action_row BIGINT, action action_type",
        ),
        "left_out_messages": Relation(
            "A message that is in no line because lines without text are left out.",
            "message_id INTEGER",
            read_by=("accounting",),
        ),
    },
}


def create_empty_table_sql(name: str) -> str:
    """Return the SQL that creates the declared relation `name` as a temporary table without rows."""
    (relation,) = [relations[name] for relations in RELATIONS.values() if name in relations]
    return f"CREATE TEMP TABLE {name} ({relation.columns})"
