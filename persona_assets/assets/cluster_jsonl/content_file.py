"""Keep the contents of messages in a file and look them up by number.

Lines repeat contents: a post stands in the line of each of its likes. So each is written once, and the system's
page cache holds what is asked for. A join that carried contents through memory, and a sort behind it, would cost
as much CPU as all else.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from persona_assets.common.chunked_writes import write_in_pieces


class Contents:
    """Strings in a file, numbered from 0 as they are written; 8 bytes each in memory."""

    def __init__(self, where: Path) -> None:
        """Start with none; `where` is a file that does not exist yet."""
        self._where = where
        self._file = where.open("xb")
        self._ends = [np.zeros(1, dtype=np.int64)]
        self.count = 0

    def append(self, strings: pa.StringArray) -> None:
        """Write strings, none of them null."""
        if not len(strings):
            return  # an array of nothing has no buffers
        _, ends, data = strings.buffers()
        ends = np.frombuffer(ends, dtype=np.int32)[strings.offset : strings.offset + len(strings) + 1]
        if data is not None:
            write_in_pieces(self._file, memoryview(data)[ends[0] : ends[-1]])
        self._ends.append(ends[1:].astype(np.int64) - ends[0] + self._ends[-1][-1])
        self.count += len(strings)

    def close(self) -> None:
        """Write what is left; no more can be appended."""
        self._file.close()

    def open(self) -> pa.LargeStringArray:
        """Return all strings, once closed, as an array that lies in the file and is read from there when asked for."""
        ends = pa.py_buffer(np.concatenate(self._ends))
        # A file of no bytes cannot be mapped.
        data = pa.memory_map(str(self._where)).read_buffer() if self._where.stat().st_size else pa.py_buffer(b"")
        return pa.LargeStringArray.from_buffers(self.count, ends, data)
