"""The tables that `dataset` stores, as `docs/reference/tables.md` shows them."""

from persona_assets.assets.dataset.release_schemas import CHAT, DEHYDRATED, THREADS
from persona_assets.common.stored_table import StoredTable

STORED_TABLES = tuple(
    StoredTable(f"dataset_{form}", f"dataset/<window>/data/{form}/persona_<N>/<split>-*.parquet", row, schema)
    for form, row, schema in (
        ("chat", "A line as a chat: what others wrote, and what the persona's user answered.", CHAT),
        ("threads", "A line in BluePrint's published form.", THREADS),
        ("dehydrated", "A line as addresses of records, without text.", DEHYDRATED),
    )
)
