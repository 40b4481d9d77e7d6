"""The manifest of a sample capture: how it was generated, and counts of its content."""

import datetime as dt

import msgspec

from persona_assets.sample.planted_accounts import PlantedAccount

MAKER = "persona_assets.sample"


class SampleManifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Arguments and counts of a sample capture; `lines` = `events` + sum of `malformed` + `duplicates`."""

    made_by: str
    start_date: dt.date
    days: int
    users: int
    personas: list[str]
    seed: int
    files: int
    bytes: int  # size of all files, compressed as they are stored
    lines: int
    events: int  # without duplicates
    kinds: dict[str, int]  # events by kind, collection and operation
    messages: dict[str, int]  # new messages: post, reply, quote, or reply that quotes
    malformed: dict[str, int]  # damaged lines by what is wrong with them
    duplicates: int  # lines that are delivered a second time
    planted: tuple[PlantedAccount, ...] = ()  # accounts that say what their data may be used for, beside `users`
