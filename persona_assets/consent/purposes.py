"""The purposes that an account may allow or refuse, and which of them each output needs."""

from collections.abc import Mapping
from typing import Literal, get_args

# What a record may allow or refuse. The first four are preferences of `community.lexicon.preference.ai`; bulk_dataset
# and archive, and synthetic_content again, are intents of `org.user-intents.declaration`.
Purpose = Literal["training", "inference", "synthetic_content", "embedding", "bulk_dataset", "archive"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
# What keeps an account out beside refused purposes: the self-label `!no-unauthenticated`, by which an account asks not
# to be shown to people who are not logged in. It has no undefined state: without the label nothing is asked for.
SelfLabelRule = Literal["no_unauthenticated"]
Condition = Purpose | SelfLabelRule
# What the lack of a statement on a purpose means.
UndefinedMeans = Literal["allow", "deny"]

# The purposes that an output needs: an account that refuses one of them is left out of it. docs/adr/0050 argues each.
PURPOSES_OF: Mapping[str, tuple[Condition, ...]] = {
    "embeddings": ("embedding",),
    "english_users": ("embedding",),
    "clusters": ("embedding",),
    "user_assignments": ("embedding",),
    "persona_phrases": ("embedding", "inference"),
    "persona_labels": ("inference",),
    "cluster_stats": ("embedding", "inference"),
    "cluster_jsonl": ("training", "synthetic_content"),
    "agent_profiles": ("training", "synthetic_content"),
    "release": ("training", "synthetic_content", "bulk_dataset", "no_unauthenticated"),
}
