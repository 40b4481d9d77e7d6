"""Tell what can be an account's id."""

import re
from collections.abc import Sequence

import numpy as np

# A DID, or the hash that a pseudonymised capture has in its place.
_USER_ID = re.compile(r"did:[a-z0-9]+:[A-Za-z0-9._:%-]+|[0-9a-fA-F]{32,128}")
DID_CHARACTERS = 2048  # https://atproto.com/specs/did
_PLC = np.frombuffer(b"did:plc:", np.uint8)
_PLC_BYTES = 32
_BASE32 = b"abcdefghijklmnopqrstuvwxyz234567"


def is_user_id(did: str) -> bool:
    """Tell whether `did` can be an account's id."""
    return len(did) <= DID_CHARACTERS and _USER_ID.fullmatch(did) is not None


def all_plc(dids: Sequence[str]) -> bool:
    """Tell, for many at once, whether all are `did:plc:` and 24 characters of base32, as nearly all are."""
    # Each length: one that is too long would make up for one that is too short.
    if not set(map(len, dids)) <= {_PLC_BYTES}:
        return False
    joined = "".join(dids).encode()
    # With all of base32 taken out, two colons are left of each.
    if joined.translate(None, _BASE32) != b"::" * len(dids):
        return False
    return bool((np.frombuffer(joined, np.uint8).reshape(-1, _PLC_BYTES)[:, : len(_PLC)] == _PLC).all())
