"""Turn Bluesky Jetstream captures into personas: a Dagster graph from raw event files to clusters of users."""

import os

# pyarrow's allocator gives what is freed back to the system after 10 ms, only to ask for it again: a fifteenth of the
# CPU of parsing. 10 s suit steps that fill and empty buffers all the time. It reads this when pyarrow is imported.
os.environ.setdefault("MIMALLOC_PURGE_DELAY", "10000")
