"""Parse the addresses of Jetstream servers, and build the URLs and messages by which a stream is asked for."""

import json
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode, urlsplit

from persona_assets.errors import SettingsError
from persona_assets.recording.results import Filters

Protocol = Literal["v1", "v2"]

V1_DICTIONARY_ID = 1612007021
MICROSECONDS = 1_000_000
_XRPC = "/xrpc/network.bsky.jetstream."
_PATHS: dict[Protocol, str] = {"v1": "/subscribe", "v2": f"{_XRPC}subscribeEvents"}
_SCHEMES = {"ws": "http", "wss": "https"}
_MAX_COLLECTIONS, _MAX_DIDS = 100, 10_000  # limits of Jetstream
# v1 takes more ids than this in a message: some proxies refuse a request line of more than 8 kB.
_MAX_DIDS_IN_URL = 100


@dataclass(frozen=True)
class StreamAddress:
    """The URL of one Jetstream server, and the version of the protocol (v1 or v2) that its path implies."""

    url: str
    protocol: Protocol

    @property
    def host(self) -> str:
        """Host and port of the server, to be shown in messages."""
        return urlsplit(self.url).netloc

    @property
    def dictionary_url(self) -> str:
        """HTTP URL of the server's current zstd dictionary (protocol v2)."""
        parts = urlsplit(self.url)
        return f"{_SCHEMES[parts.scheme]}://{parts.netloc}{_XRPC}getZstdDictionary"

    def build_url(
        self, filters: Filters, *, cursor: int | None, dictionary_id: int | None, max_message_bytes: int | None
    ) -> str:
        """Return the WebSocket URL that subscribes to the stream with these filters, from `cursor` on.

        Args:
            filters: What to ask for.
            cursor: Where to begin: UTC microseconds, or on v2 a sequence number; None begins with the live stream.
            dictionary_id: Dictionary with which the server is to compress; None for plain frames.
            max_message_bytes: Size of frames that the server leaves out; None for no limit.
        """
        v1 = self.protocol == "v1"
        query: list[tuple[str, str | int]] = [
            ("wantedCollections" if v1 else "collections", name) for name in filters.collections
        ]
        if not self.needs_hello(filters):
            query += [("wantedDids" if v1 else "dids", did) for did in filters.dids]
        else:
            query.append(("requireHello", "true"))
        if cursor is not None:
            query.append(("cursor", cursor))
        if dictionary_id is not None:
            query.append(("compress", "true") if v1 else ("zstdDictionary", dictionary_id))
        if max_message_bytes is not None:
            query.append(("maxMessageSizeBytes", max_message_bytes))
        return f"{self.url}?{urlencode(query)}" if query else self.url

    def needs_hello(self, filters: Filters) -> bool:
        """Return whether the filters must be sent in a message (`build_hello`) instead of in the URL."""
        return self.protocol == "v1" and len(filters.dids) > _MAX_DIDS_IN_URL

    def build_hello(self, filters: Filters, *, max_message_bytes: int | None) -> str:
        """Return the JSON message with the filters that a v1 server waits for if the URL has `requireHello`."""
        payload = {
            "wantedCollections": list(filters.collections),
            "wantedDids": list(filters.dids),
            "maxMessageSizeBytes": max_message_bytes or 0,
        }
        return json.dumps({"type": "options_update", "payload": payload}, separators=(",", ":"))


def parse_addresses(urls: str | list[str] | tuple[str, ...]) -> list[StreamAddress]:
    """Parse the URLs of Jetstream servers, given as a list or as one string with commas.

    Raises:
        SettingsError: There is none, or one is not the address of a stream.
    """
    given = urls.split(",") if isinstance(urls, str) else urls
    addresses = [_parse_address(url.strip()) for url in given if url.strip()]
    if not addresses:
        raise SettingsError("PERSONA_JETSTREAM_URLS names no server: set it to an address such as wss://HOST/subscribe")
    return addresses


def _parse_address(url: str) -> StreamAddress:
    parts = urlsplit(url)
    for protocol, path in _PATHS.items():
        is_stream = parts.scheme in _SCHEMES and parts.hostname and parts.path.endswith(path)
        if is_stream and not (parts.query or parts.fragment or parts.username):
            return StreamAddress(url, protocol)
    raise SettingsError(
        f"PERSONA_JETSTREAM_URLS has {url[:200]!r}: an address is wss://HOST{_PATHS['v1']} (v1) or "
        f"wss://HOST{_PATHS['v2']} (v2), without a query; filters are PERSONA_STREAM_COLLECTIONS and "
        "PERSONA_STREAM_DIDS"
    )


def require_accepted_filters(filters: Filters) -> None:
    """Raise `SettingsError` if there are more collections or DIDs than servers accept.

    Raises:
        SettingsError: There are more than Jetstream accepts.
    """
    if len(filters.collections) > _MAX_COLLECTIONS:
        raise SettingsError(f"PERSONA_STREAM_COLLECTIONS names more than {_MAX_COLLECTIONS} collections: name fewer")
    if len(filters.dids) > _MAX_DIDS:
        raise SettingsError(f"PERSONA_STREAM_DIDS has more than {_MAX_DIDS:,} ids: use fewer, or record everything")
