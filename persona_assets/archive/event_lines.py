"""Write events of a block as lines of JSON, in the form of Jetstream's v2 stream."""

from collections.abc import Iterator
from typing import Any

import msgspec

from persona_assets.archive.blocks import BODY_BY_KIND, OPERATION_BY_KIND, Block
from persona_assets.archive.dag_cbor import DagCborError, compute_record_cid, decode_to_json_value
from persona_assets.common.utc_times import format_time

_TYPE = "network.bsky.jetstream.subscribeEvents"


def format_event_lines(block: Block) -> Iterator[bytes]:
    """Yield each event of a block as one JSON line without line end, in Jetstream's v2 format."""
    times = block.times_us
    for row in range(len(block.seqs)):
        yield format_event_line(block, row, time_us=int(times[row]))


def format_event_line(block: Block, row: int, *, time_us: int) -> bytes:
    """Return event `row` of a block as one JSON line without line end, in Jetstream's v2 format.

    A record that is not valid DAG-CBOR is left out, so that readers reject the line or do not need the record. An event
    with names that are not UTF-8 has a line that is not UTF-8, which readers reject too.

    Args:
        block: The block.
        row: Number of the event in the block.
        time_us: Time to write, in microseconds: that of `Block.times_us`, or another one.
    """
    kind = int(block.kinds[row])
    names = (block.dids[row], block.collections[row], block.rkeys[row], block.revs[row])
    try:
        did, collection, rkey, rev = (name.decode() for name in names)
    except UnicodeDecodeError:
        return b" ".join(names).replace(b"\n", b" ")
    payload: dict[str, Any] = {"$type": "", "seq": int(block.seqs[row]), "did": did, "time": _write_time(time_us)}
    operation = OPERATION_BY_KIND.get(kind)
    if operation is None:
        body = BODY_BY_KIND.get(kind, "unknown")
        payload["$type"] = f"{_TYPE}#{body}"
        payload |= _read_record(block.payloads[row], body)
    else:
        payload["$type"] = f"{_TYPE}#commit"
        payload |= {"rev": rev, "operation": operation, "collection": collection, "rkey": rkey}
        if operation != "delete":
            payload |= _read_record(block.payloads[row], "record")
            payload["cid"] = compute_record_cid(block.payloads[row])
    return msgspec.json.encode({"$type": "message", "payload": payload})


def _read_record(payload: bytes, field: str) -> dict[str, Any]:
    try:
        return {field: decode_to_json_value(payload)}
    except DagCborError:
        return {}


def _write_time(time_us: int) -> str:
    try:
        return format_time(time_us)
    except OverflowError:
        return str(time_us)  # beyond the year 9999: readers reject it
