"""Large buffers are written completely, in pieces."""

import io

import pytest

from persona_assets.common.chunked_writes import PIECE_BYTES, write_in_pieces


class Watched(io.RawIOBase):
    """A file that records each write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, content) -> int:
        self.written.append(bytes(content))
        return len(content)


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES - 1])
@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_everything_is_written_in_pieces_of_limited_size(size, kind):
    content = bytes(range(251)) * (size // 251 + 1)
    file = Watched()

    write_in_pieces(file, kind(content[:size]))

    assert b"".join(file.written) == content[:size]
    assert all(0 < len(piece) <= PIECE_BYTES for piece in file.written)
    assert len(file.written) == -(-size // PIECE_BYTES)
