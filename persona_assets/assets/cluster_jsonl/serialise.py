"""Serialise lines as JSON, in one of the formats of `line_formats.LINE_FORMATS`.

DuckDB escapes the strings. Text is written as UTF-8, where the reference (BluePrint, arXiv 2510.02343) escapes all but
ASCII; the parsed JSON is equal. Characters that many tools take for the end of a line, such as those of Python's
`str.splitlines`, are escaped too.
"""

import json
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.cluster_jsonl.line_formats import LineFormat
from persona_assets.common.line_tables import ACTION_KEYS

Microseconds = npt.NDArray[np.int64]

CREATE_JSON_STRING_MACRO = r"""
    CREATE MACRO json_string(string) AS
    CASE
        WHEN contains(string, chr(8232)) OR contains(string, chr(8233)) OR contains(string, chr(133)) THEN replace(
            replace(replace(to_json(string), chr(8232), '\u2028'), chr(8233), '\u2029'), chr(133), '\u0085'
        )
        ELSE to_json(string)
    END
"""
"""A string as JSON on one line. `to_json` leaves three characters as they are that end a line in some tools. They are
replaced only in strings that contain them: testing for them took 0.6 % of the CPU time of a window of 300,000 posts."""


class LineSources(NamedTuple):
    """The fragments of JSON that lines are assembled from: message contents and user ids, each looked up by number."""

    contents: pa.LargeStringArray  # by messages.id: the JSON of a message, up to its time or its last brace
    user_ids: pa.LargeStringArray  # by members.member: user ids as JSON strings
    time_index: "TimeIndex | None"  # None if lines show absolute times


class TimeIndex(NamedTuple):
    """The sorted times of all lines, by which a time is converted to its rank in formats with relative times."""

    message_times: Microseconds  # by messages.id, since 1970
    all_times: Microseconds  # distinct times of all lines, ascending

    def rank_times(self, times: pa.Int64Array) -> pa.Int64Array:
        """Return the rank (from 0) of each time among all times; null stays null."""
        ranks = np.searchsorted(self.all_times, times.fill_null(0).to_numpy())
        return pa.array(ranks, mask=times.is_null().to_numpy(zero_copy_only=False))


def time_key_and_absolute_value_sql(line_format: LineFormat) -> str:
    """Return the SQL expression for a message's time in JSON: key and time; only the key if times are relative.

    A relative time is known once all lines are; `serialise_segments` appends it.
    """
    key = f"'{_time_key(line_format)}'"
    return key if line_format.is_time_relative else f"{key} || event_time_us"


def serialise_segments(segments: pa.RecordBatch, sources: LineSources, line_format: LineFormat) -> pa.LargeStringArray:
    """Return the JSON text of each segment (a message or action); a line is the concatenation of its segments.

    Args:
        segments: Rows of `write_lines.SELECT_SEGMENTS`: `cluster_id`, `event_time_us`, `member`, `kind` (0 for a
            message of a conversation, else the place in `ACTION_KEYS` from 1), `position` (0 for the last segment of a
            line), `is_first` (of its line), `message_id` and `text` (JSON of the action's own text).
        sources: The fragments that segments refer to.
        line_format: The format of the lines.
    """
    is_action = pc.greater(segments["kind"], 0)
    has_message = pc.is_valid(segments["message_id"])
    action_start = pc.if_else(has_message, _literal('},{"user_id":'), _literal('{"user_id":'))
    action_times = pc.if_else(is_action, segments["event_time_us"], None)
    content_times: list[pa.LargeStringArray] = []
    if sources.time_index:
        times = pa.array(sources.time_index.message_times).take(segments["message_id"])
        content_times = [_as_text(sources.time_index.rank_times(times))]
        action_times = sources.time_index.rank_times(action_times)
    line_start, line_end = _serialise_frames(segments["cluster_id"], line_format)
    return pc.binary_join_element_wise(
        pc.if_else(segments["is_first"], line_start, _literal(",")),
        sources.contents.take(segments["message_id"]),
        *content_times,
        pc.if_else(is_action, action_start, _literal("")),
        sources.user_ids.take(pc.if_else(is_action, segments["member"], None)),
        _serialise_action_keys(line_format).take(segments["kind"]),
        _as_text(action_times),
        segments["text"].cast(pa.large_string()),
        pc.if_else(pc.equal(segments["position"], 0), line_end, _literal("}")),
        _literal(""),
        null_handling="replace",
        null_replacement="",
    )


def _serialise_frames(
    clusters: pa.Int32Array, line_format: LineFormat
) -> tuple[pa.LargeStringScalar | pa.LargeStringArray, pa.LargeStringScalar | pa.LargeStringArray]:
    """Return the start of a line, and what follows the last value of its last message, for each cluster."""
    return _insert_cluster(line_format.opens, clusters), _insert_cluster(line_format.closes, clusters)


def _insert_cluster(pieces: tuple[str, ...], clusters: pa.Int32Array) -> pa.LargeStringScalar | pa.LargeStringArray:
    first, *others = map(_literal, pieces)
    if not others:
        return first
    numbers = clusters.cast(pa.large_string())
    return pc.binary_join_element_wise(first, *(part for other in others for part in (numbers, other)), _literal(""))


def _as_text(times: pa.Int64Array) -> pa.LargeStringArray:
    return times.cast(pa.large_string())


def _serialise_action_keys(line_format: LineFormat) -> pa.LargeStringArray:
    """Return the JSON between an action's user and its time, indexed by kind; empty for kind 0."""
    flags = [json.dumps({key: key == action for key in ACTION_KEYS}, separators=(",", ":")) for action in ACTION_KEYS]
    return pa.array(["", *(f',"actions":{keys}{_time_key(line_format)}' for keys in flags)], pa.large_string())


def _time_key(line_format: LineFormat) -> str:
    return f',"{line_format.time.name}":'


def _literal(text: str) -> pa.LargeStringScalar:
    return pa.scalar(text, pa.large_string())
