"""Make distinct strings with equal DuckDB hashes, as an attacker who chooses an id or a record key could.

DuckDB hashes a string in blocks of 8 bytes: `h = (h ^ block) * odd`. A change of a block's second highest bit changes
the product by that bit and, as often as not, by no other, so that the same change of the next block undoes it. In
ASCII the two bits tell a digit from a letter: "3" and "s".
"""

import duckdb
import pytest

_BLOCK = 8
_TRIES = 64


def twin_keys(before: str = "", after: str = "") -> tuple[str, str]:
    """Return two keys, sorted, for which `before + key + after` has the same hash.

    Fails the test if there are none: then DuckDB has another hash function, which needs other strings.
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
