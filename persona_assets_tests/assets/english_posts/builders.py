"""Small inputs for the tests of this asset."""

import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.english_posts.detect import VERDICTS, build_language_decider
from persona_assets.assets.english_posts.filter import filter_posts

ENGLISH = "What a lovely morning it is, I am so happy with this weather"
GERMAN = "Was für ein schöner Morgen, ich freue mich sehr über dieses Wetter"
JAPANESE = "今日はとても良い天気ですね、うれしいです"
SHORT = "Toyota"  # the detector has no guess, and it is in no list


def message(text, *, langs=None, user="u", n=0, action="post"):
    """A row of `user_actions`: the `n`-th of its user."""
    return {
        "user_id": f"did:plc:{user}",
        "action": action,
        "event_time_us": n,
        "uri": f"at://did:plc:{user}/app.bsky.feed.post/{n:04d}",
        "text": text,
        "langs": langs,
    }


def actions(messages, *, batch_rows=None):
    """An in-memory dataset of `user_actions` in batches of at most `batch_rows`."""
    table = pa.Table.from_pylist(messages, schema=tables.USER_ACTIONS)
    return pads.dataset(table.to_batches(max_chunksize=batch_rows), schema=table.schema)


def build_decider_of_one(language):
    """A function from one post's text and declared languages to its `LanguageVerdict`."""
    decide = build_language_decider(language)
    return lambda text, langs: VERDICTS[
        decide(pa.array([text], pa.string()), pa.array([langs], pa.list_(pa.string())))[0]
    ]


def filter_day(messages, scratch, *, language="en", batch_rows=None):
    return filter_posts(
        actions(messages, batch_rows=batch_rows),
        language,
        scratch=scratch,
        memory_limit="200MB",
    )
