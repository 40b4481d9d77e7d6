"""Tell what can be a collection's name and a record's key, by the rules of the AT Protocol."""

import re
from collections.abc import Sequence

# https://atproto.com/specs/nsid
NSID_CHARACTERS = 317
_NSID = re.compile(
    r"[a-zA-Z][a-zA-Z0-9-]{0,62}(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+\.[a-zA-Z][a-zA-Z0-9]{0,62}"
)
# https://atproto.com/specs/record-key
RECORD_KEY_CHARACTERS = 512
_RECORD_KEY = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_~.:-]+")
_IN_RECORD_KEYS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~:-"


def is_nsid(name: str) -> bool:
    """Tell whether `name` can be a collection's."""
    return len(name) <= NSID_CHARACTERS and _NSID.fullmatch(name) is not None


def is_record_key(key: str) -> bool:
    """Tell whether `key` can be a record's."""
    return len(key) <= RECORD_KEY_CHARACTERS and _RECORD_KEY.fullmatch(key) is not None


def all_record_keys(keys: Sequence[str]) -> bool:
    """Tell, for many at once, whether all can be records' keys; their lengths were looked at when they were decoded."""
    others = "".join(keys).encode().translate(None, _IN_RECORD_KEYS)
    return not others or (not others.strip(b".") and all(map(is_record_key, keys)))
