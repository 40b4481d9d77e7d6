"""Find and replace the ids of some accounts in texts, bytes and Arrow arrays, whatever the number of accounts."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from persona_assets.common.account_ids import is_did_or_hash
from persona_assets.common.lexicon import FORGOTTEN_OWNER, URI_SCHEME
from persona_assets.errors import AccountIdError

# What stands in a text in place of an id, as `personal_data` writes it.
PLACEHOLDER = "[DID]"
_PLC_DID = re.compile(r"did:plc:([a-z2-7]{24})")
_PLC_BYTES = 24
# A colon may be percent-encoded, as in links.
_COLON = "(?::|%3[Aa])"
_PLC_IN_TEXT = re.compile(f"plc{_COLON}([a-z2-7]{{24}})")
# What belongs to a reference beside the id: the scheme before it, the collection and the record's key behind it. The
# key of a record tells whose it is.
_BEFORE = f"(?:{URI_SCHEME})?(?:did{_COLON})?plc{_COLON}"
_PATH = r"(?:/[A-Za-z0-9._~:@!$&+;=%-]+)*"
# What may follow other ids, which have no fixed length, if the id ends there.
_END = r"(?![A-Za-z0-9_-]|[.:][A-Za-z0-9]|%[0-9A-Fa-f]{2})"

Mask = npt.NDArray[np.bool_]


def parse_account_ids(lines: Iterable[str]) -> list[str]:
    """Return the distinct account ids in lines of text, in their order; empty lines and # comments are skipped.

    Raises:
        AccountIdError: A line is no account id; the message has its number, and not the line.
    """
    ids: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        value = line.strip()
        if not value or value.startswith("#"):
            continue
        if not is_did_or_hash(value):
            raise AccountIdError(
                f"id {number} is no account id: it must be a DID, such as did:plc: and 24 characters, or did:web: and "
                "a domain; a handle is none"
            )
        ids[value] = None
    return list(ids)


class Accounts:
    """A set of account ids, which finds and replaces them in texts, bytes and Arrow arrays.

    Neither `repr` nor an error shows their ids.

    An id of the form `did:plc:` and 24 characters is found wherever these characters stand behind `plc:`, so that the
    time does not depend on the number of such accounts. Other ids are found where they end as an id ends.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        """Prepare the search for these ids, which are valid."""
        self._ids = frozenset(ids)
        plc = {match[1] for one in self._ids if (match := _PLC_DID.fullmatch(one))}
        self._plc = frozenset(part.encode() for part in plc)
        self._plc_starts = np.unique(np.frombuffer(b"".join(sorted(part[:8] for part in self._plc)), np.uint64))
        others = sorted(one for one in self._ids if not _PLC_DID.fullmatch(one))
        self._tails = [one.rpartition(":")[2].encode() for one in others]
        bounded = "|".join(_escape(one) for one in others)
        self._others = re.compile(f"(?:{bounded}){_END}") if others else None
        self._others_in_bytes = re.compile(f"(?:{bounded}){_END}".encode()) if others else None
        self._other_references = re.compile(f"(?:{URI_SCHEME})?(?:{bounded}){_END}{_PATH}") if others else None

    def __len__(self) -> int:
        """Return the number of accounts."""
        return len(self._ids)

    def __repr__(self) -> str:
        """Return a text without the ids."""
        return f"Accounts({len(self)} hidden)"

    def __contains__(self, value: object) -> bool:
        """Return whether `value` is the id of one of the accounts."""
        return value in self._ids

    def find(self, strings: pa.Array) -> Mask:
        """Return which strings contain the id of one of the accounts: bool `(n,)`, False for nulls.

        Args:
            strings: Strings or bytes, of any of Arrow's types for them.
        """
        named = np.zeros(len(strings), bool)
        offsets, content = _read_buffers(strings)
        starts = self._find_plc(content)
        if len(starts):
            rows = np.searchsorted(offsets, starts, side="right") - 1
            # An id may lie across two values, of which neither has it.
            named[rows[starts + _PLC_BYTES <= offsets[rows + 1]]] = True
        if self._others_in_bytes:
            raw = content.tobytes()
            for row in self._find_tails(raw, offsets):
                named[row] |= bool(self._others_in_bytes.search(raw[offsets[row] : offsets[row + 1]]))
        return named

    def are_named_in(self, content: bytes) -> bool:
        """Return whether the bytes contain the id of one of the accounts."""
        if len(self._find_plc(np.frombuffer(content, np.uint8))):
            return True
        has_tail = any(tail in content for tail in self._tails)
        return has_tail and self._others_in_bytes is not None and bool(self._others_in_bytes.search(content))

    def replace(self, text: str) -> str:
        """Replace each reference to one of the accounts or their records in a text by `PLACEHOLDER`."""
        found = {part for part in _PLC_IN_TEXT.findall(text) if part.encode() in self._plc}
        if found:
            text = re.sub(f"{_BEFORE}(?:{'|'.join(sorted(found))}){_PATH}", PLACEHOLDER, text)
        while self._other_references and (replaced := self._other_references.sub(PLACEHOLDER, text)) != text:
            text = replaced  # what stood before the placeholder may end as an id only now
        return text

    def replace_in_bytes(self, content: bytes) -> bytes:
        """Replace references as `replace` does, in bytes of any encoding that contains ASCII."""
        return self.replace(content.decode("latin-1")).encode("latin-1")

    def anonymise_uri(self, uri: str) -> str:
        """Replace account and key in the URI of a record of one of the accounts; the collection stays.

        So a reply stays a reply, and a quote of a feed stays one. Other texts are treated by `replace`.
        """
        scheme, _, rest = uri.partition(URI_SCHEME)
        owner, *path = rest.split("/")
        if scheme or owner not in self._ids:
            return self.replace(uri)
        cleared = "/".join([f"{URI_SCHEME}{FORGOTTEN_OWNER}", *path[:1], *(FORGOTTEN_OWNER for _ in path[1:2])])
        return self.replace(cleared)

    def _find_tails(self, raw: bytes, offsets: npt.NDArray[np.int64]) -> list[int]:
        """Return the rows that have the end of one of the other ids: searching for constant bytes is fast."""
        starts = [match.start() for tail in self._tails for match in re.finditer(re.escape(tail), raw)]
        return np.unique(np.searchsorted(offsets, np.array(starts, np.int64), side="right") - 1).tolist()

    def _find_plc(self, content: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Return where ids of 24 characters start in the bytes, behind `plc:`, in no order: int64 `(n_found,)`."""
        none = np.empty(0, np.int64)
        if not self._plc or len(content) < _PLC_BYTES:
            return none
        begins = np.concatenate([_find_behind(content, b"plc:"), _find_behind(content, b"plc%3A")])
        begins = begins[begins <= len(content) - _PLC_BYTES]
        if not len(begins):
            return none
        windows = np.lib.stride_tricks.sliding_window_view(content, 8)
        is_near = np.isin(np.ascontiguousarray(windows[begins]).view(np.uint64)[:, 0], self._plc_starts)
        near = begins[is_near]
        hits = [at for at in near.tolist() if content[at : at + _PLC_BYTES].tobytes() in self._plc]
        return np.array(hits, np.int64)


def _escape(account_id: str) -> str:
    pattern = _COLON.join(re.escape(part) for part in account_id.split(":"))
    # A hash of hexadecimal digits has no prefix that tells where it begins.
    return pattern if account_id.startswith("did:") else f"(?<![0-9A-Za-z]){pattern}"


def _find_behind(content: npt.NDArray[np.uint8], constant: bytes) -> npt.NDArray[np.int64]:
    """Return the positions behind each occurrence of `constant` (in either case from its fourth byte): int64 `(n,)`.

    The fourth byte, a colon or a percent sign, is the rarest.
    """
    key = 3
    at = np.flatnonzero(content == constant[key])
    at = at[(at >= key) & (at + len(constant) - key <= len(content))]
    for shift, byte in enumerate(constant):
        here = content[at + (shift - key)]
        alternative = ord(chr(byte).lower()) if shift > key else byte
        at = at[(here == byte) | (here == alternative)]
    return at + (len(constant) - key)


def _read_buffers(strings: pa.Array) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]:
    """Return where the values start and end in their bytes, `(n + 1,)`, and the bytes: views of the array."""
    width = np.int64 if pa.types.is_large_string(strings.type) or pa.types.is_large_binary(strings.type) else np.int32
    _, offsets, content = strings.buffers()
    if not len(strings) or content is None:
        return np.zeros(len(strings) + 1, np.int64), np.empty(0, np.uint8)
    ends = np.frombuffer(offsets, width)[strings.offset : strings.offset + len(strings) + 1]
    start, end = int(ends[0]), int(ends[-1])
    return ends.astype(np.int64) - start, np.frombuffer(content, np.uint8)[start:end]
