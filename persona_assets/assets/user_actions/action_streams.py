"""Write each action type to its own temporary Arrow stream, so that actions can be read back sorted by type."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from persona_assets import tables
from persona_assets.assets.user_actions.classify import ACTION_COLUMNS, ActionRows


class ActionStreams:
    """Temporary Arrow files of user actions, one per action type, by which actions are sorted by type."""

    def __init__(self, scratch: Path) -> None:
        """Create an empty stream for each action type in the existing folder `scratch`."""
        self._paths = [scratch / f"{action}.arrows" for action in tables.ACTIONS]
        self._writers = [pa.ipc.new_stream(str(path), ACTION_COLUMNS) for path in self._paths]

    def write(self, classified: ActionRows) -> None:
        """Append each row to the stream of its action type."""
        codes, starts = np.unique(classified.codes, return_index=True)
        for code, start, end in zip(codes, starts, np.append(starts, len(classified.codes))[1:], strict=True):
            self._writers[code].write_table(classified.rows.slice(start, end - start))

    def read_by_type(self) -> Iterator[pa.Table]:
        """Close the streams, and yield all rows as tables of `tables.USER_ACTIONS`, sorted by action type.

        Each stream is deleted once it is read.
        """
        for writer in self._writers:
            writer.close()
        at = tables.USER_ACTIONS.get_field_index("action")
        for action, path in sorted(zip(tables.ACTIONS, self._paths, strict=True)):
            with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
                for batch in stream:
                    classified = pa.repeat(pa.scalar(action), len(batch))
                    yield pa.Table.from_batches([batch]).add_column(at, tables.USER_ACTIONS.field(at), classified)
            path.unlink()
