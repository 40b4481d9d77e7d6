"""Hash identifiers and texts under a key that is derived from a seed.

An unkeyed hash would let anyone choose an account id or a record key that goes to a given split. Two values with equal
hashes count as one value. That can only join lines that need not be joined, and never separates lines that share a
value, so that 64 bits are enough.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]

# Changes whenever splits of the same lines and seed change, so that splits of two versions are independent.
_VERSION = b"persona split 1"


def derive_key(seed: int, purpose: str) -> bytes:
    """Derive a 32-byte key from a seed; the keys of different purposes are independent of each other."""
    return hashlib.blake2b(f"{purpose} {seed}".encode(), digest_size=32, person=_VERSION).digest()


def derive_number(seed: int, purpose: str) -> int:
    """Derive a pseudo-random 64-bit number from a seed; those of different purposes are independent."""
    return int.from_bytes(derive_key(seed, purpose)[:8], "little")


def hash_values(values: pa.StringArray, key: bytes) -> Hashes:
    """Return a keyed hash of each value, uint64 `(n,)`: the first 8 bytes of BLAKE2b."""
    keyed = hashlib.blake2b(key=key, digest_size=8)
    digests = bytearray()
    for value in values.to_pylist():
        one = keyed.copy()
        one.update(value.encode("utf-8", "surrogatepass"))
        digests += one.digest()
    return np.frombuffer(bytes(digests), np.uint64)


def mix_hashes(hashes: Hashes, number: int) -> Hashes:
    """Turn each hash and `number` into another pseudo-random 64-bit number, as SplitMix64 does.

    Not a cryptographic hash: the order that it gives is as unpredictable as the hashes and the number are.
    """
    mixed = hashes + np.uint64(number)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
