"""Validate collection names (NSIDs) and record keys by the rules of the AT Protocol."""

import re
from collections.abc import Sequence

# https://atproto.com/specs/nsid
MAX_NSID_CHARACTERS = 317
_NSID = re.compile(
    r"[a-zA-Z][a-zA-Z0-9-]{0,62}(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+\.[a-zA-Z][a-zA-Z0-9]{0,62}"
)
# https://atproto.com/specs/record-key
MAX_RECORD_KEY_CHARACTERS = 512
_RECORD_KEY = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_~.:-]+")
_IN_RECORD_KEYS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~:-"


def is_nsid(name: str) -> bool:
    """Return whether `name` is a valid NSID, the form of collection names such as `app.bsky.feed.post`."""
    return len(name) <= MAX_NSID_CHARACTERS and _NSID.fullmatch(name) is not None


def is_record_key(key: str) -> bool:
    """Return whether `key` is a valid record key of at most 512 characters."""
    return len(key) <= MAX_RECORD_KEY_CHARACTERS and _RECORD_KEY.fullmatch(key) is not None


def are_all_record_keys(keys: Sequence[str]) -> bool:
    """Return whether all keys consist of the characters of record keys, and none is "." or "..".

    Lengths are not checked here: decoding has checked them. Faster than `is_record_key` for each key.
    """
    others = "".join(keys).encode().translate(None, _IN_RECORD_KEYS)
    return not others or (not others.strip(b".") and all(map(is_record_key, keys)))
