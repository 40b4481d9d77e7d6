"""Records Jetstream's stream into a capture: hour files of raw frames, and what could not be recorded.

In: addresses of Jetstream servers (v1 and v2), and a range of time or none. Out: `ROOT/YYYY-MM-DD/HH.jsonl.zst`, one
frame per line, as the server sent it; `.gaps.json` and `.capture.json` in the folder of the day. Frames that are not
recorded are counted by reason. The package knows no Dagster and no environment.
"""
