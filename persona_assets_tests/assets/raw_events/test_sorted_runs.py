import pyarrow.ipc

from persona_assets.assets.raw_events.event_buffer import EventBuffer
from persona_assets.assets.raw_events.fast_decode import BlockDecoder
from persona_assets.assets.raw_events.sorted_runs import FENCE_ROWS, count_event_types, write_sorted_run
from persona_assets_tests.assets.raw_events.builders import LIKE, NOON_US, delete, identity, like, line, post


def table_of(events):
    buffer = EventBuffer()
    assert buffer.add_valid_events(BlockDecoder().decode(b"\n".join(line(event) for event in events))) == []
    return buffer.flush()


def test_events_are_counted_by_kind():
    table = table_of([like(), like(), delete(), identity()])

    assert count_event_types(table) == {
        ("commit", LIKE, "create"): 2,
        ("commit", LIKE, "delete"): 1,
        ("identity", None, None): 1,
    }


def test_fences_sample_the_times_of_a_run(tmp_path):
    events = [like(time_us=NOON_US + number) for number in range(FENCE_ROWS + 2)] + [post(time_us=NOON_US - 1)]

    run = write_sorted_run(table_of(events), tmp_path / "run")

    assert run.fences == [NOON_US - 1, NOON_US - 1, NOON_US, NOON_US + FENCE_ROWS, NOON_US + FENCE_ROWS + 1]
    with pyarrow.ipc.open_file(tmp_path / "run") as file:
        assert file.read_all().num_rows == len(events)


def test_a_run_is_compressed(tmp_path):
    run = write_sorted_run(table_of([like(rkey=f"3l{number:011}") for number in range(3000)]), tmp_path / "run")

    assert (tmp_path / "run").stat().st_size < run.memory_bytes / 3
