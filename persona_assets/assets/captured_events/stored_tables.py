"""The tables of `captured_events`: none, as the files of the capture are its storage."""

from persona_assets.common.stored_table import StoredTable

STORED_TABLES: tuple[StoredTable, ...] = ()
