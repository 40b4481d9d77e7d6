"""Read the blocks of an archive segment in a capture; damage costs the block that it is in."""

from collections.abc import Iterator

from persona_assets.archive.blocks import Block, decode_block
from persona_assets.archive.segment_files import read_block_frame, read_segment_index
from persona_assets.assets.raw_events.split_lines import ReadFailure
from persona_assets.capture.capture_file import CaptureFile
from persona_assets.errors import SegmentError

SEGMENT_SUFFIX = ".jss"


def read_blocks(file: CaptureFile) -> Iterator[tuple[int, Block | ReadFailure]]:
    """Yield each block of an archive segment, or the failure to read it, with the number of its first event, from 1.

    A file that is no sealed segment, or whose header or index is damaged, is one failure of its whole size, with the
    number 0. Memory: one block, at most 256 MiB.

    Raises:
        ConnectionError, TimeoutError: The file is in remote storage, and the network failed.
    """
    read = 0
    try:
        with file.open() as opened:
            try:
                segment = read_segment_index(opened, file_bytes=file.size, name=file.name)
            except SegmentError as error:
                yield 0, ReadFailure(error.reason, b"", 0, file.size)
                return
            first = 1
            for number, entry in enumerate(segment.blocks):
                try:
                    frame = read_block_frame(opened, entry, name=file.name, number=number)
                    block = decode_block(
                        frame,
                        segment_name=file.name,
                        block_number=number,
                        max_bytes=entry.uncompressed_bytes,
                        expected_events=entry.events,
                    )
                except SegmentError as error:
                    yield first, ReadFailure(error.reason, b"", 0, entry.compressed_bytes)
                else:
                    yield first, block
                first += entry.events
                read = entry.offset + entry.compressed_bytes
    except (ConnectionError, TimeoutError):
        raise  # a fault of the network, not of the file: another run may read it
    except OSError as error:
        reason = f"the file can't be read: {error.strerror or type(error).__name__}"
        yield 0, ReadFailure(reason, b"", 0, max(file.size - read, 0))
