"""Writes archive segments, as small ones for tests and as large ones for measurements."""

import base64
import struct

import libipld
import numpy as np
import xxhash
import zstandard

KINDS = {"create": 1, "update": 2, "delete": 3, "identity": 4, "account": 5, "sync": 6, "resync": 7}


def event_row(event, seq, *, witnessed_us=None, indexed_us=0):
    """Return a row of a segment for an event in Jetstream's v1 form (a dict)."""
    commit = event.get("commit") or {}
    kind = event["kind"] if event["kind"] != "commit" else commit["operation"]
    body = commit.get("record") if event["kind"] == "commit" else event.get(event["kind"])
    return {
        "seq": seq,
        "witnessed": event["time_us"] if witnessed_us is None else witnessed_us,
        "indexed": indexed_us,
        "kind": KINDS.get(kind, kind),
        "collection": commit.get("collection", ""),
        "did": event["did"],
        "rkey": commit.get("rkey", ""),
        "rev": commit.get("rev") or "",
        "payload": b"" if body is None else libipld.encode_dag_cbor(from_json(body)),
    }


def from_json(value):
    """Turn links and bytes of JSON into those of DAG-CBOR."""
    if isinstance(value, dict):
        if value.keys() == {"$link"}:
            return libipld.decode_multibase(value["$link"])[1]
        if value.keys() == {"$bytes"}:
            return base64.b64decode(value["$bytes"] + "==")
        return {key: from_json(inner) for key, inner in value.items()}
    return [from_json(inner) for inner in value] if isinstance(value, list) else value


def write_block(rows):
    """Return the decompressed content of a block."""
    fixed = [("seq", "<u8"), ("witnessed", "<i8"), ("indexed", "<i8"), ("kind", "u1")]
    names = [("collection", "u1"), ("did", "<u2"), ("rkey", "u1"), ("rev", "u1"), ("payload", "<u4")]
    encoded = {name: [as_bytes(row[name]) for row in rows] for name, _ in names}
    parts = [struct.pack("<I", len(rows))]
    parts += [np.array([row[name] for row in rows], kind).tobytes() for name, kind in fixed]
    parts += [np.array([len(value) for value in encoded[name]], kind).tobytes() for name, kind in names]
    parts += [b"".join(encoded[name]) for name, _ in names]
    return b"".join(parts)


def as_bytes(value):
    return value if isinstance(value, bytes) else value.encode()


def write_segment(blocks, *, filters=b"filters"):
    """Return a sealed segment.

    Args:
        blocks: Lists of rows, as `event_row` returns them; a block may also be `(content, rows)` with content of one's
            own.
        filters: What stands behind the index, in place of filters and the collections.
    """
    packer = zstandard.ZstdCompressor(write_checksum=True)
    body, index, at = [], [], 256
    for block in blocks:
        content, rows = block if isinstance(block, tuple) else (write_block(block), block)
        frame = packer.compress(content)
        body.append(struct.pack("<Q", len(frame)) + frame)
        index.append(struct.pack("<QIIIQQqq", at, len(frame), len(content), len(rows), *bounds_of(rows)))
        at += 8 + len(frame)
    every = [row for block in blocks for row in (block[1] if isinstance(block, tuple) else block)]
    footer = b"".join(index) + filters
    after_index = at + sum(map(len, index))
    counts = (1, len(blocks), len(every), len({as_bytes(row["did"]) for row in every}))
    rest = struct.pack("<HIIIQQqqQQQQQ", *counts, *bounds_of(every), at, after_index, after_index, after_index, at)
    rest = rest.ljust(256 - 12, b"\0")
    checksum = xxhash.xxh3_64_intdigest(rest + footer)
    return b"jss0" + struct.pack("<Q", checksum) + rest + b"".join(body) + footer


def bounds_of(rows):
    seqs, times = [row["seq"] for row in rows] or [0], [row["witnessed"] for row in rows] or [0]
    return min(seqs), max(seqs), min(times), max(times)


def checksum_of(segment):
    """Return the checksum of a segment as servers name it."""
    return f"{struct.unpack_from('<Q', segment, 4)[0]:016x}"


def in_blocks(rows, size):
    return [rows[start : start + size] for start in range(0, len(rows), size)]
