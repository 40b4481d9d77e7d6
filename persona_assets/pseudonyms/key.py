"""Read the key of pseudonyms, which is kept outside the data."""

import base64
import binascii
import re
from pathlib import Path
from typing import Final

from persona_assets.errors import PseudonymKeyError

# As many bytes as a SHA-256 digest has: a shorter key makes HMAC-SHA256 weaker (RFC 2104, section 3).
MIN_KEY_BYTES: Final = 32
_MAX_FILE_BYTES = 4096
_FEWEST_DISTINCT_BYTES = 8
_REMEDY = "Make one: (umask 077; head -c 32 /dev/urandom | base64 > FILE)."


class PseudonymKey:
    """Secret key of at least 32 bytes; `repr`, `str`, pickle and errors never show it."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        """Refuse keys that are short, or that repeat a few bytes as typed passwords and zeros do.

        Raises:
            PseudonymKeyError: The key is too short or repeats itself.
        """
        if len(value) < MIN_KEY_BYTES:
            raise PseudonymKeyError(f"The key of pseudonyms has fewer than {MIN_KEY_BYTES} bytes. {_REMEDY}")
        if len(set(value)) < _FEWEST_DISTINCT_BYTES:
            raise PseudonymKeyError(f"The key of pseudonyms repeats a few bytes: it is not random. {_REMEDY}")
        self._value = value

    def __repr__(self) -> str:
        """Return a text without the key."""
        return "PseudonymKey(hidden)"

    def __reduce__(self) -> str:
        """Refuse to be pickled: a key in a pickle ends in scratch files and logs."""
        raise TypeError("A PseudonymKey cannot be pickled.")

    def reveal(self) -> bytes:
        """Return the bytes of the key, to be used in HMAC and nowhere else."""
        return self._value


def read_key_file(path: Path) -> PseudonymKey:
    """Read the key from a file that holds base64, hexadecimal digits or the raw bytes.

    Raises:
        PseudonymKeyError: The file is no regular file, others than its owner can read it, or it has no usable key.
    """
    try:
        mode = path.stat().st_mode
        regular = path.is_file()
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1) if regular else b""
    except OSError as error:
        raise PseudonymKeyError(f"The key file {path} cannot be read: {error.strerror}. {_REMEDY}") from error
    if not regular or len(data) > _MAX_FILE_BYTES:
        raise PseudonymKeyError(f"The key file {path} is no regular file of at most {_MAX_FILE_BYTES} bytes. {_REMEDY}")
    if mode & 0o077:
        raise PseudonymKeyError(f"Others than its owner can read the key file {path}. Run: chmod 600 {path}")
    return PseudonymKey(_decode(data))


def _decode(data: bytes) -> bytes:
    text = b"".join(data.split())
    # Hexadecimal digits are valid base64 too, so that they are tried first.
    if re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", text):
        return bytes.fromhex(text.decode("ascii"))
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return data
