import libipld
import pytest
import zstandard

from persona_assets.archive.blocks import CREATE, CREATE_BY_RESYNC, DELETE, UPDATE, decode_block
from persona_assets.archive.event_times import find_event_time, is_plausible_time
from persona_assets_tests.archive.segments import event_row, write_block
from persona_assets_tests.assets.raw_events.builders import like

SEEN_US = 1_785_000_000_000_000
OLD_US = 1_714_557_600_000_000
OLD = "2024-05-01T10:00:00Z"


def time_of(*, created=OLD, payload=None, **about):
    record = {} if created is None else {"createdAt": created}
    row = event_row(like(time_us=SEEN_US), 1) | {
        "payload": libipld.encode_dag_cbor(record) if payload is None else payload,
        **about,
    }
    return find_event_time(decode_block(zstandard.compress(write_block([row])), segment_name="a", block_number=0), 0)


@pytest.mark.parametrize("kind", [CREATE, CREATE_BY_RESYNC])
def test_a_record_that_was_seen_long_after_its_creation_has_the_time_of_its_creation(kind):
    assert time_of(kind=kind) == (OLD_US, "created")


@pytest.mark.parametrize("kind", [UPDATE, DELETE, 4, 5, 6])
def test_other_events_have_the_time_at_which_they_were_seen(kind):
    assert time_of(kind=kind) == (SEEN_US, "witnessed")


def test_an_imported_time_counts_before_all_others():
    assert time_of(indexed=OLD_US + 5) == (OLD_US + 5, "imported")
    assert time_of(indexed=-5) == (OLD_US, "created")


NO_TIMES = [None, 5, "", "yesterday", "2024-05-01T10:00:00", "9999-12-31T23:59:59-23:59"]
OTHER_TIMES = ["1999-01-01T00:00:00Z", "2090-01-01T00:00:00Z"]


@pytest.mark.parametrize("created", [*NO_TIMES, *OTHER_TIMES])
def test_a_creation_that_cannot_be_true_does_not_count(created):
    assert time_of(created=created) == (SEEN_US, "witnessed")


def test_a_record_that_was_seen_at_once_has_the_time_at_which_it_was_seen():
    assert time_of(created="2026-07-25T10:00:00Z") == (SEEN_US, "witnessed")


def test_a_damaged_record_has_the_time_at_which_it_was_seen():
    assert time_of(payload=b"\xff") == (SEEN_US, "witnessed")
    assert time_of(payload=b"\x80") == (SEEN_US, "witnessed")


def test_times_of_bluesky_are_plausible():
    assert [is_plausible_time(time) for time in (0, -1, OLD_US, 2**62)] == [False, False, True, False]
