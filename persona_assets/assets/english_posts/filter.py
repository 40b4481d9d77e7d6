"""Sift the messages of a day by language, in bounded memory."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from persona_assets import tables
from persona_assets.assets.english_posts import reasons
from persona_assets.assets.english_posts.detect import Decide
from persona_assets.common.database import open_duckdb
from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.progress import Progress
from persona_assets.common.provenance import Provenance, with_provenance

BATCH_ROWS = 16_384

# Every message once, with what was decided from itself alone. The texts of those in other languages stay
# behind: only their author's count is needed.
_JUDGED = pa.schema(
    [
        pa.field("uri", pa.string()),
        pa.field("user_id", pa.string()),
        pa.field("action", pa.string()),
        pa.field("text", pa.string()),
        pa.field("event_time_us", pa.int64()),
        pa.field("is_language", pa.bool_()),
        pa.field("is_open", pa.bool_()),
        pa.field("reason", pa.string()),
    ]
)

_DECIDE_BY_OTHER_POSTS = f"""
create temp view decided as
with authors as (
    -- Posts that only their declaration decided say nothing new about their author.
    select user_id, 2 * count(*) filter (is_language) > count(*) as mostly
    from judged
    where not is_open and reason not in ('{reasons.DECLARED}', '{reasons.OTHER_DECLARED}', '{reasons.NO_WORDS}')
    group by user_id
)
select judged.* exclude (is_language, is_open, reason),
    case when is_open and mostly is not null then mostly else is_language end as is_language,
    case
        when not is_open or mostly is null then reason
        when mostly then '{reasons.OTHER_POSTS}'
        else '{reasons.OTHER_POSTS_DIFFER}'
    end as reason
from judged left join authors using (user_id)
"""  # noqa: S608 - made of constants
_COUNT_DROPPED = "select reason, count(*) from decided where not is_language group by reason"
# One uri, one post: of several versions the last.
_KEEP = """
select uri, user_id, action, text, event_time_us, is_language as is_english, reason as language_reason
from decided
where is_language
qualify row_number() over (partition by uri order by event_time_us desc, text desc, action, reason) = 1
order by uri
"""


class FilteredPosts(NamedTuple):
    """The posts kept, in a file, and all messages counted."""

    posts: Path  # tables.ENGLISH_POSTS (and the day), sorted by uri
    kept: dict[str, int]  # by reason
    dropped: dict[str, int]  # by reason; kept and dropped add up to the messages read


def filter_posts(  # noqa: PLR0913 - what is read, by what, with what, and what is told
    user_actions: pads.Dataset,
    decide: Decide,
    *,
    scratch: Path,
    memory_limit: str,
    progress: Progress,
    day: dt.date | None = None,
    provenance: Provenance | None = None,
) -> FilteredPosts:
    """Keep the messages in the language that `decide` looks for.

    Two passes: each message is judged by itself, then those that could not be told by the author's others.
    Memory is bounded by `memory_limit` and a batch; the file that is spooled holds the texts kept.

    Args:
        user_actions: `tables.USER_ACTIONS` of the day, any order; the result does not depend on it.
        decide: Made by `detect.build_decide`.
        scratch: An empty folder.
        memory_limit: Of DuckDB, which spills to `scratch` beyond it.
        progress: Is told of each message judged.
        day: The partition, if the file is to have its column.
        provenance: How the table was made, as its file is to say.

    Returns:
        The posts, sorted by `uri`, as a file in `scratch`.

    Raises:
        StorageError: The disk of `scratch` is full.
    """
    with explaining_full_disk(scratch):
        schema = with_provenance(tables.ENGLISH_POSTS, provenance)
        judged = scratch / "judged.parquet"
        write_parquet(judged, _JUDGED, _judge(user_actions, decide, progress))
        return _decide_by_other_posts(judged, schema, scratch, memory_limit, day)


def _decide_by_other_posts(
    judged: Path, schema: pa.Schema, scratch: Path, memory_limit: str, day: dt.date | None
) -> FilteredPosts:
    with open_duckdb(memory_limit=memory_limit, scratch=scratch) as database:
        database.register("judged", pads.dataset(judged))
        database.execute(_DECIDE_BY_OTHER_POSTS)
        dropped = Counter[str](dict(database.sql(_COUNT_DROPPED).fetchall()))
        kept, posts = Counter[str](), scratch / "english_posts.parquet"
        reader = database.sql(_KEEP).to_arrow_reader(BATCH_ROWS)
        rows = write_parquet(posts, schema, _conform(reader, kept), day=day)
    dropped[reasons.WRITTEN_AGAIN] = pq.read_metadata(judged).num_rows - rows - dropped.total()
    judged.unlink()
    return FilteredPosts(posts, dict(kept), dict(+dropped))


def _judge(user_actions: pads.Dataset, decide: Decide, progress: Progress) -> Iterator[pa.RecordBatch]:
    messages = pc.is_in(pc.field("action"), value_set=pa.array(tables.MESSAGES))
    columns = ["uri", "user_id", "action", "text", "event_time_us", "langs"]
    for batch in user_actions.to_batches(columns=columns, filter=messages, batch_size=BATCH_ROWS):
        if not batch.num_rows:
            continue
        texts, langs = batch["text"], batch["langs"].to_pylist()
        verdicts = [decide(text, tags) for text, tags in zip(texts.to_pylist(), langs, strict=True)]
        is_language, is_open, reason = (pa.array(column) for column in zip(*verdicts, strict=True))
        progress.add(batch.num_rows)
        yield pa.record_batch(
            [
                batch["uri"],
                batch["user_id"],
                pc.cast(batch["action"], pa.string()),
                pc.if_else(pc.or_(is_language, is_open), texts, pa.scalar(None, pa.string())),
                batch["event_time_us"],
                is_language,
                is_open,
                reason,
            ],
            schema=_JUDGED,
        )


def _conform(batches: Iterable[pa.RecordBatch], kept: Counter[str]) -> Iterator[pa.Table]:
    """Give what DuckDB returns the types of `tables.ENGLISH_POSTS`, and count it by reason in `kept`.

    Dictionaries are whole and in one order, so that bytes do not depend on which values a batch holds.
    """
    for batch in batches:
        kept.update({row["values"]: row["counts"] for row in pc.value_counts(batch["language_reason"]).to_pylist()})
        columns = {
            name: _encode(batch[name], values)
            for name, values in (("action", tables.MESSAGES), ("language_reason", tuple(reasons.KEPT)))
        }
        arrays = [pc.cast(columns.get(field.name, batch[field.name]), field.type) for field in tables.ENGLISH_POSTS]
        yield pa.table(arrays, schema=tables.ENGLISH_POSTS)


def _encode(column: pa.Array, values: tuple[str, ...]) -> pa.DictionaryArray:
    allowed = pa.array(values)
    return pa.DictionaryArray.from_arrays(pc.index_in(column, value_set=allowed), allowed)
