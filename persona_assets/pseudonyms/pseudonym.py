"""Make pseudonyms of account ids by HMAC-SHA256, each within a scope."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Literal

from persona_assets.pseudonyms.key import PseudonymKey

# What an account keeps its pseudonym in: a whole release, one persona of it, or one line (a conversation) of it.
Scope = Literal["release", "persona", "line"]

# Changes whenever the bytes that are hashed change, so that pseudonyms of two versions differ.
_VERSION = b"persona_assets pseudonym 1"
# 128 bits: two of 10 million accounts share a pseudonym with a probability of 1e-25.
_HEX_DIGITS = 32
_PREFIX = "user_"


def make_pseudonyms(
    user_ids: Sequence[str], *, key: PseudonymKey, release: str, scope: Scope, parts: Sequence[str] | None = None
) -> list[str]:
    """Return the HMAC-SHA256 pseudonym of each account id; equal ids in one release, scope and part have equal ones.

    Pseudonyms of different releases, scopes or parts are independent: HMAC-SHA256 is a pseudo-random function, so
    that to join them takes the key. The key of a part is derived from that of the release, and the account is hashed
    under it; each input is preceded by its length, so that no two inputs give the same bytes.

    Args:
        user_ids: `(n,)` DIDs.
        key: Kept outside the data.
        release: Name of the release, such as "2027-01". Reusing a name joins two releases.
        scope: What a pseudonym stays the same in.
        parts: `(n,)` the persona's or line's id of each row, for these scopes; None for scope `release`.

    Returns:
        `(n,)` texts of the form `user_` and 32 hexadecimal digits.

    Raises:
        ValueError: The release has no name, or parts are missing, not needed, or not as many as ids.
    """
    if not release:
        raise ValueError("A release needs a name: pseudonyms of two releases would be the same without.")
    if (parts is None) != (scope == "release"):
        raise ValueError("Scopes `persona` and `line` need the part of each row; scope `release` has none.")
    of_row = [""] * len(user_ids) if parts is None else parts
    derived: dict[str, bytes] = {}
    made: dict[tuple[str, str], str] = {}
    result: list[str] = []
    for user_id, part in zip(user_ids, of_row, strict=True):
        pseudonym = made.get((part, user_id))
        if pseudonym is None:
            if part not in derived:
                derived[part] = _hash(key.reveal(), _VERSION, release.encode(), scope.encode(), part.encode())
            pseudonym = _PREFIX + _hash(derived[part], user_id.encode()).hex()[:_HEX_DIGITS]
            made[part, user_id] = pseudonym
        result.append(pseudonym)
    return result


def _hash(key: bytes, *inputs: bytes) -> bytes:
    framed = b"".join(len(value).to_bytes(8, "big") + value for value in inputs)
    return hmac.digest(key, framed, hashlib.sha256)
