"""Leave forgotten accounts out of events and lines that are read again, by their tombstones."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.common.lexicon import URI_SCHEME
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets.forgotten_accounts.rows import remove_account_rows
from persona_assets.forgotten_accounts.tombstones import Tombstones

_ID_COLUMNS = ("user_id", "subject_did")
_URI_COLUMNS = ("parent_uri", "root_uri", "quoted_uri", "subject_uri")
_TEXT_COLUMNS = ("text", "preference_json", "self_labels")
_PLC_CHARACTERS = 32
_WHOLE_PLC = "^did:plc:[a-z2-7]{24}$"
# In a text an id ends before punctuation. Hashes of 32 to 128 digits are the ids of a pseudonymised capture.
_IDS = re.compile(
    r"did:plc:[a-z2-7]{24}|did:[a-z0-9]+:[A-Za-z0-9._:%-]*[A-Za-z0-9_%-]|(?<![0-9A-Za-z])[0-9a-fA-F]{32,128}(?![0-9A-Za-z])"
)
_ENCODED_COLON = re.compile("%3[Aa]")


class RemainingEvents(NamedTuple):
    """Result of `forget_events`: the events that are kept, and the numbers of removed events and references."""

    table: pa.Table  # tables.RAW_EVENTS
    own: int  # events of forgotten accounts
    about: int  # likes, reposts, follows and blocks of them by others
    references: int  # events of others of which a reference was taken out


def forget_events(events: pa.Table, tombstones: Tombstones) -> RemainingEvents:
    """Remove forgotten accounts from events that are parsed again, as `remove_account_rows` does from stored tables.

    Args:
        events: `tables.RAW_EVENTS`; chunks that lose all their rows are left out.
        tombstones: The forgotten accounts.
    """
    forgotten = _find_forgotten(events, tombstones)
    if not forgotten:
        return RemainingEvents(events, 0, 0, 0)
    return RemainingEvents(*remove_account_rows(events, Accounts(forgotten)))


def names_forgotten(raw: bytes, tombstones: Tombstones) -> bool:
    """Return whether a line that is not an event contains the id of a forgotten account."""
    return bool(tombstones.find(set(_find_ids(raw.decode("latin-1")))))


def _find_forgotten(events: pa.Table, tombstones: Tombstones) -> set[str]:
    """Return the forgotten accounts that any column of the events names."""
    forgotten = set[str]()
    for name in _ID_COLUMNS:
        forgotten |= tombstones.find_in(pc.unique(events[name].drop_null()))
    for name in _URI_COLUMNS:
        forgotten |= _find_in_uris(events[name].drop_null(), tombstones)
    for name in _TEXT_COLUMNS:
        column = events[name]
        texts = pc.list_flatten(column) if pa.types.is_list(column.type) else column
        forgotten |= tombstones.find({one for text in _select_with_ids(texts) for one in _find_ids(text)})
    return forgotten


def _find_in_uris(uris: pa.ChunkedArray, tombstones: Tombstones) -> set[str]:
    """Return the forgotten accounts in URIs: nearly all have one `did:plc:` of 32 characters behind the scheme."""
    starts = pc.utf8_slice_codeunits(uris, len(URI_SCHEME), len(URI_SCHEME) + _PLC_CHARACTERS)
    owners = pc.unique(starts)
    forgotten = tombstones.find_in(owners)
    other_starts = owners.filter(pc.invert(pc.match_substring_regex(owners, _WHOLE_PLC)))
    is_unusual = cast("Any", pc).greater(pc.count_substring(uris, "did"), 1)
    if len(other_starts):
        is_unusual = pc.or_(is_unusual, pc.is_in(starts, other_starts))
    unusual = uris.filter(is_unusual).to_pylist()
    owners_of_unusual = {uri.removeprefix(URI_SCHEME).partition("/")[0] for uri in unusual}
    return forgotten | tombstones.find(owners_of_unusual | {one for uri in unusual for one in _find_ids(uri)})


def _select_with_ids(texts: pa.ChunkedArray | pa.Array) -> list[str]:
    found = pc.match_substring_regex(texts, "did|[0-9a-fA-F]{32}")
    return texts.filter(pc.fill_null(found, fill_value=False)).to_pylist()


def _find_ids(text: str) -> Iterator[str]:
    for match in _IDS.finditer(_ENCODED_COLON.sub(":", text)):
        yield match[0]
