"""One connection to a Jetstream server, which hands over frames as they came, decompressed."""

import contextlib
import json
from collections.abc import Generator

import zstandard
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from persona_assets.recording.addresses import StreamAddress
from persona_assets.recording.results import Filters

# A record has at most 1 MB in CBOR; as JSON it is at most a few times that.
MAX_FRAME_BYTES = 8 << 20
_OPEN_SECONDS, _PING_SECONDS, _CLOSE_SECONDS = 15.0, 20.0, 1.0
_SUBPROTOCOL = Subprotocol("xrpc.v1.json")
_TOO_BIG = 1009
_BAD_REQUEST, _TIMEOUT, _TOO_MANY, _SERVER_ERROR = 400, 408, 429, 500
_MAX_NAME_LENGTH = 64


class SubscriptionError(Exception):
    """A server could not be reached, or rejected the subscription before it sent events."""

    def __init__(self, reason: str, *, name: str = "", is_final: bool = False, is_bad_request: bool = False) -> None:
        """Store why.

        Args:
            reason: What to tell the user.
            name: The server's name of its error, such as `CursorTooOld`.
            is_final: Whether the same request will be refused again.
            is_bad_request: Whether the status was 400, which other parameters may avoid.
        """
        super().__init__(reason)
        self.name, self.is_final, self.is_bad_request = name, is_final, is_bad_request


class ConnectionLostError(Exception):
    """An open connection to a server broke or was closed; the argument says how."""

    def __init__(self, reason: str, *, is_oversize: bool = False) -> None:
        """Store how, and whether it was closed for a frame beyond `MAX_FRAME_BYTES`."""
        super().__init__(reason)
        self.is_oversize = is_oversize


class FrameDecompressionError(Exception):
    """A frame cannot be decompressed; the argument is the reason under which it is counted."""


class Connection:
    """An open subscription to a Jetstream server."""

    def __init__(self, socket: ClientConnection, dictionary: bytes | None) -> None:
        """Take an open WebSocket, and the zstd dictionary that was asked for."""
        self._receive = socket.recv
        self._decompressor = None
        if dictionary is not None:
            data = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_FULLDICT)
            self._decompressor = zstandard.ZstdDecompressor(dict_data=data)

    def receive(self, timeout: float) -> bytes:
        """Wait at most `timeout` seconds for the next frame, and return it decompressed.

        Raises:
            TimeoutError: None came in time.
            ConnectionLostError: The connection is closed.
            FrameDecompressionError: A frame cannot be decompressed, or would be too large.
        """
        try:
            frame = self._receive(timeout, False)  # noqa: FBT003 - the positional form is the fastest
        except ConnectionClosed as error:
            raise _explain_loss(error) from None
        # Text begins with a brace; a server may also send text on a compressed stream.
        if self._decompressor is None or frame[:1] == b"{":
            return frame
        return self._decompress(frame)

    def _decompress(self, frame: bytes) -> bytes:
        assert self._decompressor is not None  # noqa: S101 - the caller has compared it
        try:
            # A frame that states its size is decompressed to that size, whatever the limit: so look first.
            if zstandard.frame_content_size(frame) > MAX_FRAME_BYTES:
                raise FrameDecompressionError("oversize frame")
            return self._decompressor.decompress(frame, max_output_size=MAX_FRAME_BYTES)
        except zstandard.ZstdError:
            raise FrameDecompressionError("damaged zstd frame") from None


@contextlib.contextmanager
def open_connection(
    address: StreamAddress,
    filters: Filters,
    *,
    cursor: int | None,
    dictionary: tuple[int, bytes] | None,
    max_message_bytes: int | None,
) -> Generator[Connection]:
    """Open a WebSocket subscription to a server; it is closed when the block ends.

    Args:
        address: The server.
        filters: What to ask for.
        cursor: As in `StreamAddress.build_url`.
        dictionary: Id and content of the zstd dictionary with which the server is to compress; None for plain frames.
        max_message_bytes: As in `StreamAddress.build_url`.

    Raises:
        SubscriptionError: There is no stream.
    """
    dictionary_id = dictionary[0] if dictionary else None
    url = address.build_url(filters, cursor=cursor, dictionary_id=dictionary_id, max_message_bytes=max_message_bytes)
    with contextlib.ExitStack() as stack:
        try:
            socket = stack.enter_context(
                connect(
                    url,
                    compression=None,
                    subprotocols=[_SUBPROTOCOL] if address.protocol == "v2" else None,
                    max_size=MAX_FRAME_BYTES,
                    open_timeout=_OPEN_SECONDS,
                    ping_interval=_PING_SECONDS,
                    ping_timeout=_PING_SECONDS,
                    close_timeout=_CLOSE_SECONDS,
                )
            )
        except InvalidStatus as error:
            raise _explain_refusal(error) from None
        except (OSError, InvalidHandshake, InvalidURI, WebSocketException) as error:
            raise SubscriptionError(f"no connection: {type(error).__name__}") from None
        # What the server has sent and nobody will read would keep the closing handshake waiting.
        stack.callback(socket.close_socket)
        if address.needs_hello(filters):
            with contextlib.suppress(ConnectionClosed):  # the first frame that is asked for says so
                socket.send(address.build_hello(filters, max_message_bytes=max_message_bytes))
        yield Connection(socket, dictionary[1] if dictionary else None)


def _explain_loss(error: ConnectionClosed) -> ConnectionLostError:
    if error.sent is not None and error.sent.code == _TOO_BIG:
        return ConnectionLostError(f"a frame has more than {MAX_FRAME_BYTES >> 20} MiB", is_oversize=True)
    code = error.rcvd.code if error.rcvd is not None else (error.sent.code if error.sent is not None else 1006)
    return ConnectionLostError(f"closed with code {int(code)}")


def _explain_refusal(error: InvalidStatus) -> SubscriptionError:
    status = error.response.status_code
    name = _read_error_name(error.response.body or b"")
    reason = f"HTTP status {status}" + (f" ({name})" if name else "")
    is_final = _BAD_REQUEST <= status < _SERVER_ERROR and status not in (_TIMEOUT, _TOO_MANY)
    return SubscriptionError(reason, name=name, is_final=is_final, is_bad_request=status == _BAD_REQUEST)


def _read_error_name(body: bytes | bytearray) -> str:
    """Return the name in a JSON error; "" if there is none, or it is no plain word."""
    try:
        name = json.loads(bytes(body)[:65536])["error"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return name if isinstance(name, str) and name.isalnum() and len(name) <= _MAX_NAME_LENGTH else ""
