"""Decode records in DAG-CBOR, and convert them to the JSON form of the AT Protocol.

JSON has no links and no bytes: they are `{"$link": "bafy..."}` and `{"$bytes": "base64"}`
(https://atproto.com/specs/data-model).
"""

import base64
import hashlib
from typing import Any

import libipld

# A repository's record has at most 1 MiB.
MAX_RECORD_BYTES = 1 << 24
_CID_PREFIX = b"\x01\x71\x12\x20"  # version 1, DAG-CBOR, SHA-256 of 32 bytes
_LINK_TAG = b"\xd8\x2a"
_SHORT, _ONE_BYTE, _TWO_BYTES = 24, 1 << 8, 1 << 16


class DagCborError(ValueError):
    """The bytes are not a valid record in DAG-CBOR."""


def decode_record(payload: bytes) -> Any:
    """Decode DAG-CBOR to Python objects; links (CIDs) and byte strings both become `bytes`.

    Raises:
        DagCborError: It is not valid DAG-CBOR, is nested too deeply, or has more than `MAX_RECORD_BYTES`.
    """
    if len(payload) > MAX_RECORD_BYTES:
        raise DagCborError("too long")
    try:
        return libipld.decode_dag_cbor(payload)
    except (ValueError, RecursionError):
        # Its message may quote the record.
        raise DagCborError("not DAG-CBOR") from None


def decode_to_json_value(payload: bytes) -> Any:
    """Decode DAG-CBOR to JSON-compatible Python objects, with links and bytes in the AT Protocol's JSON form.

    Raises:
        DagCborError: See `decode_record`.
    """
    try:
        return _replace_bytes(decode_record(payload), payload)
    except RecursionError:
        raise DagCborError("nested too deeply") from None


def count_nested_levels(value: Any) -> int:
    """Return how many levels of lists and dicts `value` has: 0 for a scalar, 1 for a flat list."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def compute_record_cid(payload: bytes) -> str:
    """Return the content identifier (CID, `bafyrei...`) of a record that is encoded as DAG-CBOR."""
    return libipld.encode_cid(_CID_PREFIX + hashlib.sha256(payload).digest())


def _replace_bytes(value: Any, payload: bytes) -> Any:
    if isinstance(value, dict):
        return {key: _replace_bytes(inner, payload) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replace_bytes(inner, payload) for inner in value]
    if isinstance(value, bytes):
        return _write_bytes(value, payload)
    return value


def _write_bytes(value: bytes, payload: bytes) -> dict[str, str]:
    # The decoder gives the same value for a link and for the bytes of one: the record itself has the tag of a link.
    if _LINK_TAG + _byte_header(len(value) + 1) + b"\0" + value in payload:
        try:
            return {"$link": libipld.encode_cid(value)}
        except ValueError:
            raise DagCborError("a link is not a CID") from None
    return {"$bytes": base64.b64encode(value).rstrip(b"=").decode()}


def _byte_header(length: int) -> bytes:
    """Return the CBOR header of a byte string of `length` bytes."""
    if length < _SHORT:
        return bytes([0x40 + length])
    if length < _ONE_BYTE:
        return b"\x58" + length.to_bytes(1, "big")
    return (b"\x59" + length.to_bytes(2, "big")) if length < _TWO_BYTES else b"\x5a" + length.to_bytes(4, "big")
