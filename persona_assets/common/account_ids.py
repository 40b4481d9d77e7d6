"""Recognise account ids: DIDs, or the hashes that replace them in a pseudonymised capture."""

import re
from collections.abc import Sequence

import numpy as np

_USER_ID = re.compile(r"did:[a-z0-9]+:[A-Za-z0-9._:%-]+|[0-9a-fA-F]{32,128}")
MAX_DID_CHARACTERS = 2048  # https://atproto.com/specs/did
_PLC = np.frombuffer(b"did:plc:", np.uint8)
_PLC_BYTES = 32
_BASE32 = b"abcdefghijklmnopqrstuvwxyz234567"


def is_did_or_hash(text: str) -> bool:
    """Return whether a text is a DID of at most 2,048 characters, or a hash of 32 to 128 hexadecimal digits."""
    return len(text) <= MAX_DID_CHARACTERS and _USER_ID.fullmatch(text) is not None


def are_all_plc_dids(dids: Sequence[str]) -> bool:
    """Return whether every id is "did:plc:" followed by 24 base32 characters.

    Nearly all ids are. Checking many at once is much faster than calling `is_did_or_hash` for each.
    """
    # Check each length: in the joined text, a long id would compensate for a short one.
    if not set(map(len, dids)) <= {_PLC_BYTES}:
        return False
    joined = "".join(dids).encode()
    # Without the base32 characters, two colons remain of each id.
    if joined.translate(None, _BASE32) != b"::" * len(dids):
        return False
    return bool((np.frombuffer(joined, np.uint8).reshape(-1, _PLC_BYTES)[:, : len(_PLC)] == _PLC).all())
