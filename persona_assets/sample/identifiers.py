"""Random identifiers in the formats of the AT Protocol (https://atproto.com/specs)."""

import base64
import datetime as dt
import uuid

import numpy as np

from persona_assets.common.lexicon import URI_SCHEME

_BASE32_SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"
# Prefixes of a CIDv1: version, codec (dag-cbor for a record, raw for a blob), hash function sha2-256, 32 bytes.
_RECORD_CID = b"\x01\x71\x12\x20"
_BLOB_CID = b"\x01\x55\x12\x20"


def make_did(rng: np.random.Generator) -> str:
    """Return a random `did:plc:` account id, with 24 base32 characters."""
    return f"did:plc:{_base32(rng.bytes(15))}"


def make_tid(time_us: int, rng: np.random.Generator) -> str:
    """Return a TID, a record key of 13 characters that sorts by `time_us` (microseconds of the Unix epoch)."""
    number = (time_us << 10) | int(rng.integers(1 << 10))
    return "".join(_BASE32_SORTABLE[number >> shift & 31] for shift in range(60, -1, -5))


def make_record_cid(rng: np.random.Generator) -> str:
    """Return a random content identifier (CID) in the form of a record's: `bafyrei...`, 59 characters."""
    return f"b{_base32(_RECORD_CID + rng.bytes(32))}"


def make_blob_cid(rng: np.random.Generator) -> str:
    """Return a random content identifier (CID) in the form of a blob's: `bafkrei...`, 59 characters."""
    return f"b{_base32(_BLOB_CID + rng.bytes(32))}"


def make_uuid(rng: np.random.Generator) -> str:
    """Return a random UUID (version 4)."""
    return str(uuid.UUID(bytes=rng.bytes(16), version=4))


def make_uri(user_id: str, collection: str, rkey: str) -> str:
    """Return the `at://` URI of a record."""
    return f"{URI_SCHEME}{user_id}/{collection}/{rkey}"


def format_record_time(time_us: int) -> str:
    """Return microseconds since 1970 as a text in the form of `createdAt`: "2025-03-01T12:00:00.000Z"."""
    instant = dt.datetime.fromtimestamp(time_us // 1_000_000, dt.UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{time_us // 1000 % 1000:03d}Z"


def _base32(content: bytes) -> str:
    return base64.b32encode(content).decode("ascii").lower().rstrip("=")
