"""Strings that differ and have one hash in DuckDB, as a stranger who chooses an id or a record key can make them.

DuckDB hashes a string in blocks of 8 bytes: `h = (h ^ block) * odd`. A change of a block's second highest bit changes
the product by that bit and, as often as not, by no other, so that the same change of the next block undoes it. In
ASCII the two bits tell a digit from a letter: "3" and "s".
"""

import duckdb
import pytest

_BLOCK = 8
_TRIES = 64


def twin_keys(before: str = "", after: str = "") -> tuple[str, str]:
    """Return two keys of which `before + key + after` has one hash; the first is the lesser.

    Fails the test where no two have: DuckDB's hash is another one, and needs other forgeries.
    """
    to_block = "a" * (-len(before) % _BLOCK)
    for number in range(_TRIES):
        start = to_block + f"a{number:02}bcde"
        one, other = (f"{start}{first}fghijkl{first}" for first in "3s")
        if _hash(before + one + after) == _hash(before + other + after):
            return one, other
    pytest.fail("DuckDB hashes strings in another way: forge collisions for it, see hash_twins.py")


def _hash(string: str) -> int:
    return duckdb.execute("SELECT hash(?)", [string]).fetchall()[0][0]
