"""How far a recorder is, as others read it."""

from persona_assets.recording.position import read_recorder_position
from persona_assets.recording.results import Filters
from persona_assets.recording.store import RecordingStore

HOUR = 3_600_000_000
AT = 1_740_873_600_000_000  # 2025-03-02


def open_store(root):
    return RecordingStore(root, Filters(), mode="live", keep_totals=False)


def test_without_a_recorder_there_is_none(tmp_path):
    assert read_recorder_position(tmp_path) is None


def test_events_are_counted_by_hour_and_the_counts_continue(tmp_path):
    for _ in range(2):
        store = open_store(tmp_path)
        for time_us in (AT, AT + 1, AT + HOUR):
            store.add_event(time_us, b"a")
        store.flush(AT + HOUR)

    position = read_recorder_position(tmp_path)

    assert position.cursor_us == AT + HOUR
    assert position.events_by_hour == {"2025-03-02T00": 4, "2025-03-02T01": 2}


def test_the_latest_48_hours_are_kept(tmp_path):
    store = open_store(tmp_path)
    for hour in range(50):
        store.add_event(AT + hour * HOUR, b"a")
    store.flush(AT + 50 * HOUR)

    hours = list(read_recorder_position(tmp_path).events_by_hour)
    assert (hours[0], hours[-1], len(hours)) == ("2025-03-02T02", "2025-03-04T01", 48)
