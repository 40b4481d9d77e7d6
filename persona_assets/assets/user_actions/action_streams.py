"""Write the events of each action type to temporary Arrow streams, so that actions can be built sorted by type."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from persona_assets import tables
from persona_assets.assets.user_actions.classify import EVENT_COLUMNS, ActionEvents, build_action_rows

# A stream ends after this many rows, so that its space is free once it is read, while others still wait.
_ROWS_PER_STREAM = 1 << 20
# A third less CPU time than zstd, which would take a third less space.
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class ActionStreams:
    """Temporary Arrow streams by action type: `write` appends events, `read_by_type` builds the rows of actions.

    Streams hold the columns that rows are built from, compressed: a third of the bytes of the rows.
    """

    def __init__(self, scratch: Path) -> None:
        """Write to the existing folder `scratch`."""
        self._scratch = scratch
        self._paths: dict[str, list[Path]] = {action: [] for action in tables.ACTIONS}
        self._writers: dict[str, pa.ipc.RecordBatchStreamWriter] = {}
        self._rows: dict[str, int] = dict.fromkeys(tables.ACTIONS, 0)  # of the last stream

    def write(self, selected: ActionEvents) -> None:
        """Append each event to the last stream of its action type."""
        codes, starts = np.unique(selected.codes, return_index=True)
        for code, start, end in zip(codes, starts, np.append(starts, len(selected.codes))[1:], strict=True):
            action = tables.ACTIONS[code]
            if action not in self._writers:
                self._open_next(action)
            self._writers[action].write_batch(selected.events.slice(start, end - start))
            self._rows[action] += end - start
            if self._rows[action] >= _ROWS_PER_STREAM:
                self._writers.pop(action).close()

    def read_by_type(self) -> Iterator[pa.Table]:
        """Close the streams, and yield all rows as tables of `tables.USER_ACTIONS`, sorted by action type.

        Each stream is deleted once it is read.
        """
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        for action, paths in sorted(self._paths.items()):
            for path in paths:
                with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
                    for batch in stream:
                        yield build_action_rows(action, batch)
                path.unlink()

    def _open_next(self, action: str) -> None:
        paths = self._paths[action]
        paths.append(self._scratch / f"{action}-{len(paths)}.arrows")
        self._writers[action] = pa.ipc.new_stream(str(paths[-1]), EVENT_COLUMNS, options=_OPTIONS)
        self._rows[action] = 0
