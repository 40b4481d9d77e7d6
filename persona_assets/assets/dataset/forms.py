"""The columns of the forms `preference` and `next_action`, and the actions that `next_action` asks for.

Columns that the forms share: `persona`, `line_id` and `split`. Messages are a list of `{"role", "content"}`, as chat
templates and TRL read them.
"""

from __future__ import annotations

import pyarrow as pa

from persona_assets import tables
from persona_assets.common.columns import column, required_column

SPLITS = ("train", "validation", "test")

# The twelve actions: each action that a line marks by a key of `actions`, without the estimated `ignore`. Of
# `tables.ACTIONS`, posts and replies are messages, and an account's status changes without the user doing anything.
NEXT_ACTIONS = tuple(action for action in tables.ACTIONS if action not in {"post", "reply", "account_status"})
# The two common actions of the SocialSim challenge (COLM 2025, arXiv 2511.17241). The other ten are rare.
FREQUENT_ACTIONS = ("like", "repost")
# What a row of `next_action` asks for: which of the twelve actions follows, or the text of the reply that follows.
ACTION_TASK, REPLY_TASK = "action", "reply"
TASKS = (ACTION_TASK, REPLY_TASK)

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

_PERSONA = required_column("persona", pa.int32(), "Number of the persona.")
_LINE = required_column("line_id", pa.int64(), "Line of the window that the row is made from.")
_SPLIT = required_column("split", pa.string(), "train, validation or test.")

NEXT_ACTION = pa.schema(
    [
        _PERSONA,
        _LINE,
        _SPLIT,
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
_SIMILARITY = column("similarity", pa.float32(), "Cosine of the ignored post and what its cluster engages with.")
_RULE = column("rule", pa.string(), "Why the user may have seen the ignored post: what a followed account did.")
_SHOWN = column("shown_time_us", pa.int64(), "When that account did so.")
_ESTIMATE = required_column("is_estimate", pa.bool_(), "Whether the row holds a post that is estimated to be ignored.")

# TRL's "preference" with conversational prompts: DPOTrainer and RewardTrainer read prompt, chosen and rejected.
PREFERENCE = pa.schema(
    [
        required_column(
            "prompt", MESSAGES, "Two posts that the user had seen, and the question which one was acted on."
        ),
        required_column("chosen", MESSAGES, "The post that the user acted on, and how."),
        required_column("rejected", MESSAGES, "The post that the user is estimated to have ignored, with that action."),
        _PERSONA,
        _LINE,
        _SPLIT,
        required_column("ignored_line_id", pa.int64(), "Line of the ignored post."),
        _ESTIMATE,
        _SIMILARITY,
        _RULE,
        _SHOWN,
        required_column("chosen_time_us", pa.int64(), "When the user acted."),
        required_column(
            "rejected_time_us", pa.int64(), "When the user did something after the ignored post was shown."
        ),
    ]
)

# TRL's "unpaired preference": KTOTrainer reads prompt, completion and label.
UNPAIRED_PREFERENCE = pa.schema(
    [
        required_column("prompt", MESSAGES, "The message or conversation that the user had seen."),
        required_column("completion", MESSAGES, "An action on it."),
        required_column("label", pa.bool_(), "Whether the user did so. False for an ignored post."),
        _PERSONA,
        _LINE,
        _SPLIT,
        _ESTIMATE,
        _SIMILARITY,
        _RULE,
        _SHOWN,
        required_column("time_us", pa.int64(), "When the user acted, or did something after the post was shown."),
    ]
)
