"""Choose the zstd dictionary that each server is asked to compress with."""

from collections.abc import Callable, Mapping

import httpx
import zstandard

from persona_assets.recording.addresses import V1_DICTIONARY_ID, StreamAddress

_MAGIC = b"\x37\xa4\x30\xec"
_MAX_BYTES = 16 << 20
_SECONDS = 10.0


class DictionaryChooser:
    """Chooses the zstd dictionary to request from each server, and remembers which ones servers refused."""

    def __init__(self, given: Mapping[int, bytes], *, fetch: Callable[[str], bytes | None] | None = None) -> None:
        """Start with the dictionaries `given`, by id; `fetch` downloads one from a URL (default: HTTP)."""
        self._v1 = given.get(V1_DICTIONARY_ID)
        self._v2 = {number: content for number, content in given.items() if number != V1_DICTIONARY_ID}
        self._fetch = fetch or fetch_dictionary
        self._fetched: dict[str, tuple[int, bytes] | None] = {}
        self._refused: dict[str, set[int]] = {}

    def choose_for_server(self, address: StreamAddress) -> tuple[int, bytes] | None:
        """Return id and content of the dictionary to request from a server; None for a stream without compression.

        v1 needs its dictionary at hand. For v2 the latest at hand is taken, unless the server refused it; then the
        server's own, which is fetched once.
        """
        refused = self._refused.get(address.url, set())
        if address.protocol == "v1":
            return (V1_DICTIONARY_ID, self._v1) if self._v1 and V1_DICTIONARY_ID not in refused else None
        for number in sorted(self._v2, reverse=True):
            if number not in refused:
                return number, self._v2[number]
        if address.url not in self._fetched:
            self._fetched[address.url] = _identify(self._fetch(address.dictionary_url))
        found = self._fetched[address.url]
        return found if found and found[0] not in refused else None

    def mark_rejected(self, address: StreamAddress, number: int) -> None:
        """Remember that a server does not know a dictionary, so that it is not requested there again."""
        self._refused.setdefault(address.url, set()).add(number)


def fetch_dictionary(url: str) -> bytes | None:
    """Download a zstd dictionary; return None on an error, or if the answer is too large for one."""
    content = bytearray()
    try:
        with httpx.stream("GET", url, timeout=_SECONDS) as response:
            if not response.is_success:
                return None
            for part in response.iter_bytes():
                content += part
                if len(content) > _MAX_BYTES:
                    return None
    except httpx.HTTPError:
        return None
    return bytes(content)


def _identify(content: bytes | None) -> tuple[int, bytes] | None:
    """Return a dictionary with its id; None if it is none."""
    if content is None or not content.startswith(_MAGIC):
        return None
    try:
        data = zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_FULLDICT)
        zstandard.ZstdDecompressor(dict_data=data).decompressobj()
    except zstandard.ZstdError:
        return None
    return int.from_bytes(content[4:8], "little"), content
