"""What is declared of a relation in DuckDB, and the relations of `line_index`."""

from collections.abc import Mapping
from typing import NamedTuple


class Relation(NamedTuple):
    """Declaration of a DuckDB table or view: meaning of a row, columns, and the modules that read or change it."""

    row: str  # what one row is
    columns: str  # names and types as in CREATE TABLE; d is the width of vectors
    read_by: tuple[str, ...] = ()  # other modules whose SQL selects from the relation
    changed_by: tuple[str, ...] = ()  # other modules whose SQL inserts, updates or deletes rows


LINE_INDEX_RELATIONS: Mapping[str, Relation] = {
    "shown_messages": Relation(
        "A message that lines show; exists while `indexed_messages` is filled.",
        "id INTEGER",
    ),
    "indexed_messages": Relation(
        "A message that lines show, numbered by time and URI.",
        "message INTEGER, id INTEGER, uri VARCHAR, event_time_us BIGINT",
    ),
    "line_rows": Relation(
        "A line of any cluster, from the file of `LineIndex`, its messages numbered as in `indexed_messages`; "
        "exists while `lines` is written.",
        "cluster_id INTEGER, line_number BIGINT, event_time_us BIGINT, member INTEGER, kind TINYINT, uri_source "
        "BIGINT, message_ids INTEGER[]",
    ),
}
