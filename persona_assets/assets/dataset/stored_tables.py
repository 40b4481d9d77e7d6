"""The tables that `dataset` stores, as `docs/reference/tables.md` shows them."""

from persona_assets.assets.dataset.forms import NEXT_ACTION, PREFERENCE, UNPAIRED_PREFERENCE
from persona_assets.assets.dataset.release_schemas import CHAT, DEHYDRATED, THREADS
from persona_assets.common.stored_table import StoredTable

STORED_TABLES = tuple(
    StoredTable(f"dataset_{form}", f"dataset/<day>/data/{form}/persona_<N>/<split>-*.parquet", row, schema)
    for form, row, schema in (
        ("chat", "A line as a chat: what others wrote, and what the persona's user answered.", CHAT),
        ("threads", "A line in BluePrint's published form.", THREADS),
        ("dehydrated", "A line as addresses of records, without text.", DEHYDRATED),
        ("next_action", "A line that ends with an action or a reply: what the user saw, and what it did.", NEXT_ACTION),
        ("preference", "A post that a user acted on, and one that it is estimated to have ignored.", PREFERENCE),
        ("unpaired_preference", "One of these posts, and whether the user acted on it.", UNPAIRED_PREFERENCE),
    )
)
