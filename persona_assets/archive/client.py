"""Ask a server for its archive: which segments there are, which hold some accounts, and their bytes.

The requests are those of the lexicons network.bsky.jetstream.listSegments, planSnapshot, getSegment and getBlock.
"""

import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, BinaryIO, Literal, Self, TypeVar

import httpx
import msgspec

from persona_assets.archive.retries import RequestRetries, parse_retry_after
from persona_assets.errors import ArchiveError, ReplacedSegmentError

_PREFIX = "/xrpc/network.bsky.jetstream."
_PAGE_SEGMENTS = 1000  # the maximum of listSegments
MAX_DIDS = 10_000  # the maximum of planSnapshot
# Upper bounds of answers in bytes: a page of a thousand segments has some 300 kB, a block 1 MB, a segment 256 MiB.
_MAX_JSON_BYTES, _MAX_BLOCK_BYTES = 1 << 26, 1 << 27
_MAX_PAGES = 100_000
# Statuses after which the same request may succeed. 503 is also what a server that is starting answers.
_RETRIED = {408, 425, 500, 502, 503, 504}
_TOO_MANY, _GONE, _PARTIAL, _OUT_OF_RANGE, _OK = 429, 412, 206, 416, 200
_ERROR_NAME = re.compile(r"[A-Za-z]{1,64}")
_HOST = re.compile(r"[A-Za-z0-9.-]+|::1")
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")

Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
# Becomes the name of a file: no separators, and no dot at the start.
SegmentName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,126}\.jss$")]
Checksum = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]


class ListedSegment(msgspec.Struct, frozen=True, rename="camel"):
    """A sealed segment of the archive as the server lists it: name, checksum, size, event numbers and times."""

    name: SegmentName
    index: Number
    checksum: Checksum
    size_bytes: Number
    event_count: Number
    min_seq: Number
    max_seq: Number
    min_witnessed_at: int
    max_witnessed_at: int


class BlockRange(msgspec.Struct, frozen=True):
    """Numbers of blocks to fetch, both ends included."""

    first: Annotated[int, msgspec.Meta(ge=0, lt=1 << 16)]
    last: Annotated[int, msgspec.Meta(ge=0, lt=1 << 16)]


class PlannedSegment(msgspec.Struct, frozen=True, rename="camel"):
    """A segment that may hold events of the requested accounts: the whole file, or some of its blocks."""

    name: SegmentName
    index: Number
    checksum: Checksum
    min_seq: Number
    max_seq: Number
    mode: Literal["segment", "blocks"]
    blocks: list[BlockRange] = msgspec.field(default_factory=list[BlockRange])


class _Listing(msgspec.Struct):
    segments: list[ListedSegment]
    cursor: str | None = None


class _Plan(msgspec.Struct, rename="camel"):
    planned_through_seq: Number
    sealed_tip_seq: Number
    segments: list[PlannedSegment]


class _Refusal(msgspec.Struct):
    error: str = ""


Answer = TypeVar("Answer", _Listing, _Plan)


class ArchiveClient:
    """HTTP client of one archive server, which repeats failed requests; no error shows its access token."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout_s: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare requests; nothing is sent yet.

        Args:
            url: Address of the server, as https://jetstream.us-west.bsky.network.
            token: What the server asks for as `Authorization: Bearer`; None sends none.
            timeout_s: Seconds without an answer, or without a byte of one, after which a request counts as failed.
            sleep: Waits for a number of seconds.

        Raises:
            ArchiveError: The address is none, would send the token unencrypted over a network, or the token has
                characters that no header may have.
        """
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL:
            raise ArchiveError("PERSONA_ARCHIVE_URL is not an address: set it to https://HOST") from None
        if not _HOST.fullmatch(address.host):
            raise ArchiveError("PERSONA_ARCHIVE_URL is not an address: set it to https://HOST")
        is_here = address.host in {"localhost", "127.0.0.1", "::1"}
        if address.scheme != "https" and not (address.scheme == "http" and (is_here or token is None)):
            raise ArchiveError("PERSONA_ARCHIVE_URL must start with https://, so that the token stays secret")
        if token is not None and not _TOKEN.fullmatch(token):
            raise ArchiveError("PERSONA_ARCHIVE_TOKEN holds spaces or other characters that no token has")
        self.host = address.host
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        # No redirects: they could carry the token elsewhere.
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout_s, follow_redirects=False)
        self._sleep = sleep

    def __enter__(self) -> Self:
        """Return the client, whose connections are closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        self._http.close()

    def list_segments(self) -> Iterator[ListedSegment]:
        """Request and yield the name, size, checksum and time range of every sealed segment, in the server's order.

        Raises:
            ArchiveError: The server refuses, or cannot be reached.
        """
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            query: dict[str, str | int] = {"limit": _PAGE_SEGMENTS} | ({} if cursor is None else {"cursor": cursor})
            page = self._ask("GET", "listSegments", _Listing, params=query)
            yield from page.segments
            if not page.cursor:
                return
            if page.cursor == cursor or not page.segments:
                break
            cursor = page.cursor
        raise ArchiveError(f"{self.host} lists its segments without an end: try again later, or another server")

    def plan_snapshot(self, dids: Sequence[str]) -> Iterator[PlannedSegment]:
        """Request which segments, or blocks of them, may hold events of the accounts `dids`, and yield them.

        The plan is of the archive as it is at the first request; what is sealed meanwhile is not in it. It selects more
        than was asked for, never less.

        Args:
            dids: At most `MAX_DIDS` account ids.

        Raises:
            ArchiveError: The server refuses, cannot be reached, or its plan does not advance.
        """
        after, tip = 0, None
        for _ in range(_MAX_PAGES):
            asked: dict[str, Any] = {"dids": list(dids), "afterSeq": after}
            page = self._ask("POST", "planSnapshot", _Plan, json=asked | ({} if tip is None else {"beforeSeq": tip}))
            tip = page.sealed_tip_seq if tip is None else tip
            yield from page.segments
            if page.planned_through_seq >= tip:
                return
            if page.planned_through_seq <= after:
                break
            after = page.planned_through_seq
        raise ArchiveError(f"{self.host} plans without advancing: try again later, or another server")

    def fetch_block(self, segment: str, number: int, *, checksum: str) -> bytes:
        """Download block `number` of a segment and return its bytes, a zstd frame that is still compressed.

        Raises:
            ReplacedSegmentError: The segment is another one by now.
            ArchiveError: The server refuses, cannot be reached, or its answer is too large.
        """
        query: dict[str, str | int] = {"segment": segment, "blockIndex": number}
        headers = {"If-Match": f'"{checksum}"'}
        return self._fetch("GET", "getBlock", _MAX_BLOCK_BYTES, params=query, headers=headers)

    def fetch_segment(self, segment: ListedSegment, file: BinaryIO, *, on_bytes: Callable[[int], None]) -> None:
        """Download a segment into `file`; if `file` already has its first bytes, download only the rest.

        Args:
            segment: The segment.
            file: The first bytes of the segment, or none of them; open for appending bytes.
            on_bytes: Called with the number of bytes of each piece received.

        Raises:
            ReplacedSegmentError: The segment is another one by now: what `file` holds is of no use.
            ArchiveError: The server refuses, cannot be reached, or sends more than it listed.
        """
        retries = RequestRetries(self._sleep)
        while (start := file.tell()) < segment.size_bytes:
            headers = {"If-Match": f'"{segment.checksum}"', "Accept-Encoding": "identity"}
            if start:
                headers["Range"] = f"bytes={start}-"
            try:
                with self._open("GET", "getSegment", retries, params={"name": segment.name}, headers=headers) as answer:
                    if answer is None:
                        continue
                    if start and not _continues_at(answer, start):
                        file.seek(0)
                        file.truncate()
                    self._receive(answer, segment, file, on_bytes)
            except httpx.TransportError as error:
                if file.tell() > start:
                    retries.reset()
                retries.wait_after_failure(describe_transport_error(error), self.host)
            else:
                if file.tell() == start:
                    retries.wait_after_failure("an empty answer", self.host)

    def _receive(
        self, answer: httpx.Response, segment: ListedSegment, file: BinaryIO, on_bytes: Callable[[int], None]
    ) -> None:
        for piece in answer.iter_bytes():
            if file.tell() + len(piece) > segment.size_bytes:
                raise ArchiveError(f"{self.host} sends more of {segment.name} than it listed: try again later")
            file.write(piece)
            on_bytes(len(piece))

    def _ask(self, method: str, name: str, shape: type[Answer], **request: Any) -> Answer:
        content = self._fetch(method, name, _MAX_JSON_BYTES, **request)
        try:
            return msgspec.json.decode(content, type=shape)
        except msgspec.DecodeError:
            # Its message may quote the answer.
            raise ArchiveError(f"{self.host} answers {name} with something else: check PERSONA_ARCHIVE_URL") from None

    def _fetch(self, method: str, name: str, max_bytes: int, **request: Any) -> bytes:
        retries = RequestRetries(self._sleep)
        while True:
            try:
                with self._open(method, name, retries, **request) as answer:
                    if answer is not None:
                        return _read(answer, max_bytes, f"{self.host} answers {name} with more than expected")
            except httpx.TransportError as error:
                retries.wait_after_failure(describe_transport_error(error), self.host)

    @contextmanager
    def _open(self, method: str, name: str, retries: RequestRetries, **sent: Any) -> Generator[httpx.Response | None]:
        """Send a request and yield its answer, or None if it is to be sent again, after having waited."""
        with self._http.stream(method, _PREFIX + name, **sent) as answer:
            status = answer.status_code
            if status in {_OK, _PARTIAL}:
                yield answer
                return
            if status == _GONE:
                raise ReplacedSegmentError(f"{self.host} has rewritten a segment since it was listed: list them again")
            if status != _TOO_MANY and status not in _RETRIED:
                raise _explain(status, name, self.host, answer)
            wait_s = parse_retry_after(answer.headers)
        retries.wait_after_failure(f"status {status}", self.host, wait_s=wait_s, is_quota=status == _TOO_MANY)
        yield None


def _continues_at(answer: httpx.Response, start: int) -> bool:
    found = answer.headers.get("Content-Range", "")
    return answer.status_code == _PARTIAL and found.startswith(f"bytes {start}-")


def _read(answer: httpx.Response, max_bytes: int, problem: str) -> bytes:
    parts, size = list[bytes](), 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > max_bytes:
            raise ArchiveError(f"{problem}: try again later, or another server")
        parts.append(part)
    return b"".join(parts)


def _explain(status: int, name: str, host: str, answer: httpx.Response) -> ArchiveError:
    remedies: Mapping[int, str] = {
        401: "set PERSONA_ARCHIVE_TOKEN to a valid token of this server",
        403: "set PERSONA_ARCHIVE_TOKEN to a token that may read the archive",
        404: "check PERSONA_ARCHIVE_URL; a segment may be gone, so try again",
    }
    try:
        error = msgspec.json.decode(_read(answer, 1 << 16, "error"), type=_Refusal).error
    except (msgspec.DecodeError, ArchiveError, httpx.TransportError):
        error = ""
    shown = f" ({error})" if _ERROR_NAME.fullmatch(error) else ""
    remedy = remedies.get(status, "try again later, or another server")
    return ArchiveError(f"{host} refuses {name} with status {status}{shown}: {remedy}")


def describe_transport_error(error: httpx.TransportError) -> str:
    """Return the kind of a network error in words; unlike its own message, it never quotes the request."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
