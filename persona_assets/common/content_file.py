"""Keep the JSON of messages in a file and look it up by number.

Lines repeat contents: a post appears in the line of each of its likes. So each content is written once, and the
operating system's page cache holds what is read often. Joining and sorting the contents in memory instead would take as
much CPU time as all other work of the step.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from persona_assets.common.chunked_writes import write_in_pieces


class ContentFile:
    """A file of strings numbered from 0 in the order of appending, so that only 8 bytes each stay in memory."""

    def __init__(self, where: Path) -> None:
        """Create an empty file at the path `where`.

        Args:
            where: A path at which no file exists.

        Raises:
            FileExistsError: There is one.
        """
        self._where = where
        self._file = where.open("xb")
        self._ends = [np.zeros(1, dtype=np.int64)]
        self.count = 0

    def append(self, strings: pa.StringArray) -> None:
        """Append strings to the file; none may be null."""
        if not len(strings):
            return  # an empty array has no buffers
        _, ends, data = strings.buffers()
        ends = np.frombuffer(ends, dtype=np.int32)[strings.offset : strings.offset + len(strings) + 1]
        if data is not None:
            write_in_pieces(self._file, memoryview(data)[ends[0] : ends[-1]])
        self._ends.append(ends[1:].astype(np.int64) - ends[0] + self._ends[-1][-1])
        self.count += len(strings)

    def close(self) -> None:
        """Flush and close the file; after this nothing can be appended."""
        self._file.close()

    def open_as_array(self) -> pa.LargeStringArray:
        """Return all strings of the closed file as a memory-mapped array; string `i` is element `i`."""
        ends = pa.py_buffer(np.concatenate(self._ends))
        # An empty file cannot be mapped.
        data = pa.memory_map(str(self._where)).read_buffer() if self._where.stat().st_size else pa.py_buffer(b"")
        return pa.LargeStringArray.from_buffers(self.count, ends, data)
