"""Reads Jetstream's archive: sealed segments, as files and from a server.

In: segments (`.jss`), each some hundred blocks of 4,096 events. Out: events as blocks of columns, or as lines of JSON
in the form of Jetstream's v2 stream. `raw_events` reads segments in the folder of a day; `download` puts them there.
The format: https://github.com/bluesky-social/jetstream, docs/README.md, sections 3.1 and 3.2.
"""
