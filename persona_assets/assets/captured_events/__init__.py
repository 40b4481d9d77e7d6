"""Captured events: the files of the capture, which are recorded for a day if `PERSONA_SOURCE` says so.

In: with `PERSONA_SOURCE=files` nothing. The user keeps the capture then, and the asset is external. With `jetstream`:
the stream of a Jetstream server, replayed for the day. With `archive`: the segments of its archive. Out: the files of
the day in the folder of the capture, `ROOT/2025-03-01/00.jsonl.zst` to `23.jsonl.zst`, or segments as they came. They
are the asset's storage: no IO manager writes or reads them. A day is stored whole or not at all.
"""
