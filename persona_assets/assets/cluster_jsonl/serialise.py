"""Serialise lines as JSON, in one of `line_formats.LINE_FORMATS`.

DuckDB escapes the strings; text is UTF-8, where the reference (BluePrint, arXiv 2510.02343) escapes all but ASCII: the
JSON is equal. What many tools take for the end of a line (Python's `str.splitlines` among them) is escaped as well.
"""

import json
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.cluster_jsonl.line_formats import LineFormat

Instants = npt.NDArray[np.int64]

# The keys of "actions", in the reference's order. An act sets exactly one.
ACT_KEYS = (
    "like",
    "unlike",
    "repost",
    "unrepost",
    "follow",
    "unfollow",
    "block",
    "unblock",
    "post_update",
    "post_delete",
    "profile_update",
    "quote",
    "ignore",
)

JSON_STRING = r"""
    CREATE MACRO json_string(said) AS
    CASE
        WHEN contains(said, chr(8232)) OR contains(said, chr(8233)) OR contains(said, chr(133)) THEN replace(
            replace(replace(to_json(said), chr(8232), '\u2028'), chr(8233), '\u2029'), chr(133), '\u0085'
        )
        ELSE to_json(said)
    END
"""
"""A string as JSON on one line: of all that ends a line somewhere, `to_json` leaves these three as they are. They are
replaced where they are found: to look for them took 0.6 % of the CPU time of a window of 300,000 posts."""


class LineSources(NamedTuple):
    """The fragments of JSON that lines are assembled from: contents and user names, each indexed by a number."""

    contents: pa.LargeStringArray  # by messages.id: messages as JSON, up to the last brace or to the time
    names: pa.LargeStringArray  # user ids as JSON, by members.member
    time_index: "TimeIndex | None"  # None where lines show times as they are


class TimeIndex(NamedTuple):
    """Ranks instants among those of all lines, for the format whose times are relative."""

    times: Instants  # of messages, by messages.id, in microseconds
    instants: Instants  # of all lines, ascending

    def rank(self, times: pa.Int64Array) -> pa.Int64Array:
        """Return the place of each instant; null stays null."""
        places = np.searchsorted(self.instants, times.fill_null(0).to_numpy())
        return pa.array(places, mask=times.is_null().to_numpy(zero_copy_only=False))


def time_in_sql(line_format: LineFormat) -> str:
    """Return what follows the text of a message in `LineSources.contents`, as SQL over its `event_time_us`."""
    key = f"'{_time_key(line_format)}'"
    return key if line_format.is_time_relative else f"{key} || event_time_us"


def serialise_segments(parts: pa.RecordBatch, words: LineSources, line_format: LineFormat) -> pa.LargeStringArray:
    """Return what lines are made of, a string for each part: one after the other they are the lines and their ends.

    Args:
        parts: The columns `cluster_id`, `event_time_us`, `member`, `kind` (0, or the place in `ACT_KEYS` from 1 on),
            `position` (0 for a line's last part), `is_first` (of its line), `message` and `text` (of the act).
        words: What the parts refer to.
        line_format: What is around messages and how they rank time.
    """
    is_act = pc.greater(parts["kind"], 0)
    opens_act = pc.if_else(pc.is_valid(parts["message"]), _literal('},{"user_id":'), _literal('{"user_id":'))
    act_times = pc.if_else(is_act, parts["event_time_us"], None)
    content_times: list[pa.LargeStringArray] = []
    if words.time_index:
        content_times = [_as_text(words.time_index.rank(pa.array(words.time_index.times).take(parts["message"])))]
        act_times = words.time_index.rank(act_times)
    opens_line, closes_line = _serialise_frames(parts["cluster_id"], line_format)
    return pc.binary_join_element_wise(
        pc.if_else(parts["is_first"], opens_line, _literal(",")),
        words.contents.take(parts["message"]),
        *content_times,
        pc.if_else(is_act, opens_act, _literal("")),
        words.names.take(pc.if_else(is_act, parts["member"], None)),
        _serialise_actions(line_format).take(parts["kind"]),
        _as_text(act_times),
        parts["text"].cast(pa.large_string()),
        pc.if_else(pc.equal(parts["position"], 0), closes_line, _literal("}")),
        _literal(""),
        null_handling="replace",
        null_replacement="",
    )


def _serialise_frames(
    clusters: pa.Int32Array, line_format: LineFormat
) -> tuple[pa.LargeStringScalar | pa.LargeStringArray, pa.LargeStringScalar | pa.LargeStringArray]:
    """Return what a line begins with, and what follows the last value of its last message."""
    return _put_number_between(line_format.opens, clusters), _put_number_between(line_format.closes, clusters)


def _put_number_between(pieces: tuple[str, ...], clusters: pa.Int32Array) -> pa.LargeStringScalar | pa.LargeStringArray:
    first, *others = map(_literal, pieces)
    if not others:
        return first
    numbers = clusters.cast(pa.large_string())
    return pc.binary_join_element_wise(first, *(part for other in others for part in (numbers, other)), _literal(""))


def _as_text(times: pa.Int64Array) -> pa.LargeStringArray:
    return times.cast(pa.large_string())


def _serialise_actions(line_format: LineFormat) -> pa.LargeStringArray:
    """Return what stands between an act's user and its time, by kind; nothing for 0."""
    spelled = [json.dumps({key: key == act for key in ACT_KEYS}, separators=(",", ":")) for act in ACT_KEYS]
    return pa.array(["", *(f',"actions":{keys}{_time_key(line_format)}' for keys in spelled)], pa.large_string())


def _time_key(line_format: LineFormat) -> str:
    return f',"{line_format.time.name}":'


def _literal(text: str) -> pa.LargeStringScalar:
    return pa.scalar(text, pa.large_string())
