"""The columns that all forms share, those of forms for training by preference and of `next_action`, and its actions."""

from __future__ import annotations

import pyarrow as pa

from persona_assets import tables
from persona_assets.common.columns import column, required_column

SPLITS = ("train", "validation", "test")

# Messages as chat templates and TRL read them.
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

# What each row of each form has: which persona and line it is of, and where it comes from.
COMMON = (
    required_column("persona", pa.string(), "The persona, such as persona_3."),
    required_column("persona_name", pa.string(), "Its name."),
    required_column("line_id", pa.int64(), "Number of the line; the same in all forms of the day."),
    required_column("split", pa.string(), "train, validation or test."),
    required_column("day", pa.date32(), "The day (UTC) with which the window ends."),
    required_column("window_from", pa.date32(), "The first day of the window."),
    required_column("act", pa.string(), "What the persona's user did: post, reply, quote, like, ..., or ignore."),
)

# The twelve actions: each action that a line marks by a key of `actions`, without the estimated `ignore`. Of
# `tables.ACTIONS`, posts and replies are messages, and an account's status changes without the user doing anything.
NEXT_ACTIONS = tuple(action for action in tables.ACTIONS if action not in {"post", "reply", "account_status"})
# The two common actions of the SocialSim challenge (COLM 2025, arXiv 2511.17241). The other ten are rare.
FREQUENT_ACTIONS = ("like", "repost")
# What a row of `next_action` asks for: which of the twelve actions follows, or the text of the reply that follows.
ACTION_TASK, REPLY_TASK = "action", "reply"

NEXT_ACTION = pa.schema(
    [
        *COMMON,
        required_column("time", pa.timestamp("ms", "UTC"), "When it was done, rounded down to the hour."),
        required_column("task", pa.string(), "action: predict the action. reply: write the reply."),
        required_column("context", MESSAGES, "What the user saw: the messages before the action, oldest first."),
        required_column(
            "candidates", pa.list_(pa.string()), "Actions to choose from: the twelve, or for a reply `reply` alone."
        ),
        required_column("action", pa.string(), "What the user did: one of the candidates."),
        column("text", pa.string(), "What the user wrote with it; empty if nothing."),
        column("frequent", pa.bool_(), "Whether the action is a like or a repost. Empty for a reply."),
    ]
)

# What is known of an ignored post, which is an estimate. Empty in rows that hold no ignored post.
_ESTIMATE = required_column("is_estimate", pa.bool_(), "Whether the row holds a post that is estimated to be ignored.")
_EVIDENCE = (
    column("similarity", pa.float32(), "Cosine of the ignored post and what its cluster engages with."),
    column("rule", pa.string(), "Why the user may have seen the ignored post: what a followed account did."),
    column("shown_minutes", pa.int32(), "Minutes from when that account did so to the user's next action."),
)

# TRL's "preference" with conversational prompts: DPOTrainer and RewardTrainer read prompt, chosen and rejected.
PREFERENCE = pa.schema(
    [
        *COMMON,
        required_column(
            "prompt", MESSAGES, "Two posts that the user could see, and the question which one it acts on."
        ),
        required_column("chosen", MESSAGES, "The post that the user acted on, and how."),
        required_column("rejected", MESSAGES, "The same action on the post that is estimated to be ignored."),
        required_column("ignored_line_id", pa.int64(), "Line of the ignored post."),
        _ESTIMATE,
        *_EVIDENCE,
        required_column("apart_minutes", pa.int32(), "Minutes from that next action to the chosen one; at most 60."),
    ]
)

# TRL's "unpaired preference" with conversational prompts: KTOTrainer reads prompt, completion and label.
UNPAIRED_PREFERENCE = pa.schema(
    [
        *COMMON,
        required_column("prompt", MESSAGES, "The message or conversation that the user could see."),
        required_column("completion", MESSAGES, "An action on it."),
        required_column("label", pa.bool_(), "Whether the user did so. False for an ignored post."),
        _ESTIMATE,
        *_EVIDENCE,
    ]
)
