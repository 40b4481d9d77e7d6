"""Keep the posts, replies and quotes of a day that are in the language, in bounded memory."""

import datetime as dt
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from persona_assets import tables
from persona_assets.assets.english_posts import reasons
from persona_assets.assets.english_posts.judge import choose_workers, judge_batches
from persona_assets.common.bounded_scan import scan_batches
from persona_assets.common.database import create_dataset_view, find_duplicate_values, open_duckdb
from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.progress import count_rows_read, phase
from persona_assets.common.provenance import Provenance, with_provenance

BATCH_ROWS = 16_384
_IS_MESSAGE = pc.is_in(pc.field("action"), value_set=pa.array(tables.MESSAGES))

# Schema of the temporary table of the first pass: each message with the verdict from its own text and declaration.
# Texts in other languages are null, as only the number of their author's messages is needed.
_VERDICTS_SCHEMA = pa.schema(
    [
        pa.field("uri", pa.string()),
        pa.field("user_id", pa.string()),
        pa.field("action", pa.string()),
        pa.field("text", pa.string()),
        pa.field("event_time_us", pa.int64()),
        pa.field("is_language", pa.bool_()),
        pa.field("is_undecided", pa.bool_()),
        pa.field("reason", pa.dictionary(pa.int8(), pa.string())),
    ]
)

# Only of authors who have an undecided message.
_FIND_AUTHORS = f"""
create temp table authors as
-- Posts decided by their declaration alone are no evidence of the language of the author.
select user_id, 2 * count(*) filter (is_language) > count(*) as mostly
from judged semi join (select user_id from judged where is_undecided) using (user_id)
where not is_undecided and reason not in ('{reasons.DECLARED}', '{reasons.OTHER_DECLARED}', '{reasons.NO_WORDS}')
group by user_id
"""  # noqa: S608 - made of constants
_DECIDE_BY_OTHER_POSTS = f"""
create temp view decided as
select judged.* exclude (is_language, is_undecided, reason),
    case when is_undecided and mostly is not null then mostly else is_language end as is_language,
    case
        when not is_undecided or mostly is null then reason
        when mostly then '{reasons.OTHER_POSTS}'
        else '{reasons.OTHER_POSTS_DIFFER}'
    end as reason
from judged left join authors using (user_id)
"""  # noqa: S608 - made of constants
_COUNT_DROPPED = "select reason, count(*) from decided where not is_language group by reason"
_KEEP = """
create temp view kept as
select uri, user_id, action, text, event_time_us, is_language as is_english, reason as language_reason,
    hash(uri) as uri_hash
from decided
where is_language
"""
# One post per URI: the latest version. Few URIs have several, so that only posts whose hash repeats are compared.
_LATEST = """
with compared as (
    select * from kept semi join repeated using (uri_hash)
    qualify row_number() over (partition by uri order by event_time_us desc, text desc, action, language_reason) = 1
)
select * exclude (uri_hash) from (from compared union all from kept anti join repeated using (uri_hash))
order by uri
"""


class FilteredPosts(NamedTuple):
    """Result of `filter_posts`: a Parquet file of the posts kept, and numbers kept and dropped by reason."""

    posts: Path  # tables.ENGLISH_POSTS (and the column `day`), sorted by uri
    kept: dict[str, int]  # by reason
    dropped: dict[str, int]  # by reason; kept + dropped = posts, replies and quotes read


def filter_posts(  # noqa: PLR0913 - input, method and resources
    user_actions: pads.Dataset,
    language: str,
    *,
    scratch: Path,
    memory_limit: str,
    workers: int = 1,
    day_column: dt.date | None = None,
    provenance: Provenance | None = None,
) -> FilteredPosts:
    """Write the posts, replies and quotes that are in the language to a Parquet file in `scratch`.

    The first pass decides on each message by itself. The second decides the undecided ones by the majority of their
    author's other messages of the day. Memory: `memory_limit` and one batch. A temporary file in `scratch` holds the
    texts that may be kept.

    Args:
        user_actions: `tables.USER_ACTIONS` of the day, any order; the result does not depend on it.
        language: ISO 639-1 code, such as "en"; see `detect.build_language_decider`.
        scratch: An empty folder.
        memory_limit: Memory limit of DuckDB, such as "4GB", beyond which it spills to `scratch`.
        workers: Maximum number of processes that decide on languages. Few messages use fewer.
        day_column: The partition, for the column `day`; None leaves the column out.
        provenance: How the table was made, for the schema metadata of its file.

    Returns:
        The posts, sorted by `uri`, as a file in `scratch`, and counts.

    Raises:
        LanguageDetectorError: pycld2 cannot be imported.
        SettingsError: The detector does not know the language.
        WorkerKilledError: A worker process was killed, as Linux does when memory runs out.
        StorageError: The disk of `scratch` is full.
    """
    with explaining_full_disk(scratch):
        schema = with_provenance(tables.ENGLISH_POSTS, provenance)
        judged = scratch / "judged.parquet"
        messages = user_actions.count_rows(filter=_IS_MESSAGE)
        with phase("deciding on languages", what="messages", total=messages) as decided:
            batches = _judge_messages(user_actions, language, choose_workers(messages, workers))
            write_parquet(judged, _VERDICTS_SCHEMA, count_rows_read(batches, decided))
        with phase("deciding by other posts, and sorting"):
            return _decide_by_other_posts(judged, schema, scratch, memory_limit, day_column)


def _decide_by_other_posts(
    judged: Path, schema: pa.Schema, scratch: Path, memory_limit: str, day: dt.date | None
) -> FilteredPosts:
    with open_duckdb(memory_limit=memory_limit, scratch=scratch) as database:
        create_dataset_view(database, "judged", pads.dataset(judged))
        database.execute(_FIND_AUTHORS)
        database.execute(_DECIDE_BY_OTHER_POSTS)
        database.execute(_KEEP)
        repeated = find_duplicate_values(database, "kept", "uri_hash")
        database.register("repeated", pa.table({"uri_hash": repeated}))
        dropped = Counter[str](dict(database.sql(_COUNT_DROPPED).fetchall()))
        kept, posts = Counter[str](), scratch / "english_posts.parquet"
        reader = database.sql(_LATEST).to_arrow_reader(BATCH_ROWS)
        rows = write_parquet(posts, schema, _cast_batches(reader, kept), day_column=day)
    dropped[reasons.WRITTEN_AGAIN] = pq.read_metadata(judged).num_rows - rows - dropped.total()
    judged.unlink()
    return FilteredPosts(posts, dict(kept), dict(+dropped))


def _judge_messages(user_actions: pads.Dataset, language: str, workers: int) -> Iterator[pa.RecordBatch]:
    """Yield the messages with the verdict on each, in their order. A few batches for each worker are in memory."""
    columns = ["uri", "user_id", "action", "text", "event_time_us", "langs"]
    waiting = deque[pa.RecordBatch]()

    def read() -> Iterator[pa.RecordBatch]:
        for batch in scan_batches(user_actions, columns=columns, condition=_IS_MESSAGE, batch_rows=BATCH_ROWS):
            waiting.append(batch)
            yield batch

    for verdicts in judge_batches(read(), language, workers=workers):
        batch = waiting.popleft()
        is_language, is_undecided, reason = verdicts.columns
        may_be_kept = pc.or_(is_language, is_undecided)
        columns_of_batch = [
            batch["uri"],
            batch["user_id"],
            pc.cast(batch["action"], pa.string()),
            pc.if_else(may_be_kept, batch["text"], pa.scalar(None, pa.string())),
            batch["event_time_us"],
            is_language,
            is_undecided,
            reason,
        ]
        yield pa.record_batch(columns_of_batch, schema=_VERDICTS_SCHEMA)


def _cast_batches(batches: Iterable[pa.RecordBatch], kept: Counter[str]) -> Iterator[pa.Table]:
    """Cast DuckDB's batches to `tables.ENGLISH_POSTS`, and add the number of rows by reason to `kept`.

    Dictionary columns get all possible values in a fixed order, so that bytes do not depend on the values of a batch.
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
