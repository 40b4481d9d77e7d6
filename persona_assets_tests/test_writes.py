"""Much is written whole, in pieces."""

import io

import pytest

from persona_assets.writes import PIECE_BYTES, write_in_pieces


class Watched(io.BytesIO):
    """A file that keeps the sizes of its writes."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def write(self, content) -> int:
        self.sizes.append(len(content))
        return super().write(content)


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES - 1])
@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_all_is_written_and_never_more_than_a_piece_at_once(size, kind):
    content = bytes(range(251)) * (size // 251 + 1)
    file = Watched()

    write_in_pieces(file, kind(content[:size]))

    assert file.getvalue() == content[:size]
    assert all(0 < written <= PIECE_BYTES for written in file.sizes)
