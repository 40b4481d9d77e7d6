"""Read the languages that posts declare, each distinct declaration once."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# Log-odds of a declaration that names only the language (added) or only others (subtracted): odds of 7 to 1. About one
# in ten accounts of captures that declare languages declares wrong ones.
DECLARATION_LOG_ODDS = 2.0
# Codes of the detector and of old clients that differ from ISO 639-1. Scots is included because the detector often
# mistakes short English for it.
CANONICAL_CODES = {"iw": "he", "in": "id", "jw": "jv", "fil": "tl", "nb": "no", "nn": "no", "sco": "en"}
# Declarations whose log-odds are kept: few differ, but anyone may declare anything.
_DECLARATIONS_KEPT = 1024
# Joins the codes of a declaration; a batch in which a code has it is read row by row.
_SEPARATOR = "\0"


class Declarations(NamedTuple):
    """What the posts of a batch declare."""

    log_odds: npt.NDArray[np.float64]  # (n_posts,): one of -DECLARATION_LOG_ODDS, 0 and DECLARATION_LOG_ODDS
    is_declared: npt.NDArray[np.bool_]  # (n_posts,): the language is among the declared ones


def build_declaration_reader(language: str) -> Callable[[pa.ListArray], Declarations]:
    """Build a function from the column `langs` to what its posts declare about `language`.

    Of declared languages the first subtag counts, in any case: "en-US" and "EN" declare "en". A declaration that names
    the language beside others has no weight, nor has an empty one.

    Args:
        language: ISO 639-1 code, such as "en".
    """

    @lru_cache(_DECLARATIONS_KEPT)
    def read_one(langs: tuple[str, ...]) -> tuple[float, bool]:
        declared = {extract_primary_subtag(lang) for lang in langs}
        return _score_declaration(declared, language), language in declared

    def read(langs: pa.ListArray) -> Declarations:
        distinct, row_of = _find_distinct(langs)
        found = [read_one(tuple(declared)) if declared else (0.0, False) for declared in distinct]
        log_odds = np.array([odds for odds, _ in found], np.float64)
        is_declared = np.array([is_declared for _, is_declared in found], np.bool_)
        return Declarations(log_odds[row_of], is_declared[row_of])

    return read


def _find_distinct(langs: pa.ListArray) -> tuple[list[Sequence[str] | None], npt.NDArray[np.int64]]:
    """Return distinct declarations, and for each row the position of its own."""
    codes = pc.unique(langs.flatten())
    if codes.null_count or pc.any(pc.match_substring(codes, _SEPARATOR)).as_py():
        return langs.to_pylist(), np.arange(len(langs))
    # An empty declaration and one of an empty code would be joined to the same string.
    is_empty = pc.equal(pc.fill_null(pc.list_value_length(langs), 0), 0)
    joined = pc.if_else(is_empty, pa.scalar(None, pa.string()), pc.binary_join(langs, _SEPARATOR)).dictionary_encode()
    distinct = [None, *(declared.split(_SEPARATOR) for declared in joined.dictionary.to_pylist())]
    return distinct, pc.fill_null(joined.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64) + 1


def _score_declaration(declared: set[str], language: str) -> float:
    if declared == {language}:
        return DECLARATION_LOG_ODDS
    return -DECLARATION_LOG_ODDS if declared and language not in declared else 0.0


def extract_primary_subtag(tag: str) -> str:
    """Return the language code in a BCP 47 tag, in lower case: "en" for "en-US", "EN" and "en_GB"."""
    first = tag.strip().lower().replace("_", "-").partition("-")[0]
    return CANONICAL_CODES.get(first, first)
