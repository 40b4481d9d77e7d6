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
        "A message that lines show; exists while they are numbered.",
        "id INTEGER",
    ),
    "last_messages": Relation(
        "A message of a user of the clusters that a line ends with; exists while URIs are written to a file.",
        "id INTEGER",
    ),
}
