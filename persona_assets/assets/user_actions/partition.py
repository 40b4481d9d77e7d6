"""Keep actions apart by kind until all are known: one Arrow stream in scratch for each."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from persona_assets import tables
from persona_assets.assets.user_actions.classify import COLUMNS, Named


class ActionSpool:
    """Streams that take batches of mixed actions, and give them back by kind, in alphabetical order."""

    def __init__(self, scratch: Path) -> None:
        """Open a stream for each action in `scratch`, a folder that exists."""
        self._paths = [scratch / f"{action}.arrows" for action in tables.ACTIONS]
        self._writers = [pa.ipc.new_stream(str(path), COLUMNS) for path in self._paths]

    def add(self, named: Named) -> None:
        """Write the rows of each action to its stream."""
        codes, starts = np.unique(named.codes, return_index=True)
        for code, start, end in zip(codes, starts, np.append(starts, len(named.codes))[1:], strict=True):
            self._writers[code].write_table(named.rows.slice(start, end - start))

    def read(self) -> Iterator[pa.Table]:
        """Close the streams and yield all that they hold as `tables.USER_ACTIONS`, by action."""
        for writer in self._writers:
            writer.close()
        at = tables.USER_ACTIONS.get_field_index("action")
        for action, path in sorted(zip(tables.ACTIONS, self._paths, strict=True)):
            with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
                for batch in stream:
                    named = pa.repeat(pa.scalar(action), len(batch))
                    yield pa.Table.from_batches([batch]).add_column(at, tables.USER_ACTIONS.field(at), named)
            path.unlink()
