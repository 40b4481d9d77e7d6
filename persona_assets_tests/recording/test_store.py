from persona_assets.recording.results import Filters, Gap
from persona_assets.recording.store import RecordingStore
from persona_assets_tests.recording.recorded import read_lines

AT = 1_740_873_600_000_000  # 2025-03-02


def open_store(root, **changes):
    return RecordingStore(root, Filters(), **({"mode": "live", "keep_totals": False} | changes))


def test_the_position_is_kept_after_the_data(tmp_path):
    store = open_store(tmp_path)
    store.set_server("ws://h/subscribe")
    store.add_event(AT, b"a")
    assert open_store(tmp_path).cursor_us is None
    store.flush(AT)

    assert open_store(tmp_path).cursor_us == AT
    assert (store.totals.events, store.totals.raw_bytes) == (1, 2)
    assert store.totals.file_bytes == (tmp_path / "2025-03-02" / ".00.jsonl.zst.partial").stat().st_size
    assert (tmp_path / "2025-03-02" / ".capture.json").is_file()


def test_an_hour_is_finished_a_minute_after_its_end(tmp_path):
    store = open_store(tmp_path)
    store.add_event(AT, b"a")
    store.flush(AT + 3_659_000_000)
    assert read_lines(tmp_path) == {}
    store.flush(AT + 3_660_000_000)

    assert read_lines(tmp_path) == {"2025-03-02/00.jsonl.zst": [b"a"]}


def test_flushing_is_due_every_few_seconds(tmp_path):
    store = open_store(tmp_path)
    for now, expected in ((0.0, 1), (1.0, 1), (6.0, 3)):
        store.add_event(AT, b"a")
        store.flush_if_due(AT + int(now), now)
        assert store._files.buffered_bytes == (0 if expected != 1 or now == 0 else 2)


def test_totals_of_a_range_go_on(tmp_path):
    store = open_store(tmp_path, keep_totals=True)
    store.add_event(AT, b"a")
    store.write_gap(Gap(AT, AT + 5, "w"))
    store.write_gap(Gap(AT, AT, "empty"))
    store.totals.dropped["d"] += 1
    store.flush(AT)
    store.finish_files(is_complete=True)

    again = open_store(tmp_path, keep_totals=True)
    assert again.is_complete
    assert again.totals.events == 1
    assert again.totals.gaps == [Gap(AT, AT + 5, "w")]
    assert again.totals.dropped == {"d": 1}
    assert again.totals.first_time_us == again.totals.last_time_us == AT
    assert open_store(tmp_path).totals.events == 0
