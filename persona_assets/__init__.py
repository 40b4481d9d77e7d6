"""Turn Bluesky Jetstream captures into personas: a Dagster graph from raw event files to clusters of users."""

import os

from persona_assets.common.cpu_count import limit_threads

# By default, pyarrow's allocator returns freed memory to the system after 10 ms, and soon requests it again. In
# parsing that takes a fifteenth of the CPU time. With 10 s, buffers that are filled again and again stay allocated.
# This variable and those of threads must be set before pyarrow, numpy and torch are imported.
os.environ.setdefault("MIMALLOC_PURGE_DELAY", "10000")
limit_threads(os.environ, variable="PERSONA_THREADS")
