"""What a sample says about itself."""

import datetime as dt

import msgspec

MAKER = "persona_assets.sample"


class SampleManifest(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what a sample holds; `lines` is `events` + all of `malformed` + `duplicates`."""

    made_by: str
    start_date: dt.date
    days: int
    users: int
    personas: list[str]
    seed: int
    files: int
    bytes: int  # of all files, as stored
    lines: int
    events: int  # different ones
    kinds: dict[str, int]  # of events, by kind, collection and operation
    messages: dict[str, int]  # new posts, by whether they answer and quote
    malformed: dict[str, int]  # lines that are no event, by what is wrong with them
    duplicates: int  # second deliveries
