"""Clean the texts of a batch at once: the bytes of most show that `clean.clean_text` has nothing to remove."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from persona_assets.assets.english_posts.clean import clean_text

_ASCII = [chr(code) for code in range(128)]
_IS_LETTER, _IS_WORD, _MAY_CHANGE = (np.zeros(256, np.bool_) for _ in range(3))
_IS_LETTER[:128] = [character.isalpha() for character in _ASCII]
_IS_WORD[:128] = [character.isalnum() or character == "_" for character in _ASCII]
# Other letters than those of ASCII, control characters, and what mentions, hashtags, entities and check-ins have.
_MAY_CHANGE[:128] = [not character.isprintable() or character in "@#&(" for character in _ASCII]
_MAY_CHANGE[128:] = True


def clean_texts(texts: pa.StringArray) -> list[str]:
    """Return `clean.clean_text` of each text, in their order; "" for nulls.

    Texts of printable ASCII without a character or sequence that `clean_text` may remove are found by NumPy, for the
    whole batch at once.

    Args:
        texts: A batch, or a slice of one. Memory: some 10 bytes for each byte of text.
    """
    cleaned = texts.to_pylist()
    if not cleaned:
        return cleaned
    ends = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    content = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[ends[0] : ends[-1]]
    ends = ends - ends[0]
    may_change = _rows_with(_find_changing(content, ends), ends)
    has_letter = _rows_with(_IS_LETTER[content], ends)
    for row in np.flatnonzero(may_change | ~has_letter).tolist():
        text = cleaned[row]
        cleaned[row] = clean_text(text) if text and may_change[row] else ""
    return [text or "" for text in cleaned] if texts.null_count else cleaned


def _find_changing(content: npt.NDArray[np.uint8], ends: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Return which bytes begin something that cleaning may remove, `(n_bytes,)`, from where rows begin and end."""
    is_word = _IS_WORD[content]
    is_repeated = content[1:] == content[:-1]
    # A dot within a word, or the colon before slashes, as links have; a character of a word three times.
    found = np.zeros(len(content), np.bool_)
    found[:-1] |= (content[:-1] == ord(".")) & is_word[1:]
    found[:-1] |= (content[:-1] == ord(":")) & (content[1:] == ord("/"))
    found[:-2] |= is_repeated[1:] & is_repeated[:-1] & is_word[2:]
    # Rows follow each other without a gap: many end with a dot, and the next one begins with a word.
    found[(ends[1:] - 1)[np.diff(ends) > 0]] = False
    return found | _MAY_CHANGE[content]


def _rows_with(found: npt.NDArray[np.bool_], ends: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Return which rows have a byte that is true, `(n_rows,)`, from the positions at which rows begin and end."""
    has_bytes = np.diff(ends) > 0
    rows = np.zeros(len(has_bytes), np.bool_)
    if len(found):
        rows[has_bytes] = np.logical_or.reduceat(found, ends[:-1][has_bytes])
    return rows
