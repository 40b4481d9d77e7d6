from persona_assets.recording import recent_frames
from persona_assets.recording.recent_frames import RecentFrames

SECOND = 1_000_000


def test_an_event_is_new_once():
    recent = RecentFrames()

    assert [recent.add_if_new(name, 0) for name in (b"a", b"b", b"a")] == [True, True, False]


def test_events_are_remembered_for_a_minute_of_the_stream():
    recent = RecentFrames()
    times = {second: b"%d" % second for second in range(600)}
    for second, name in times.items():
        assert recent.add_if_new(name, second * SECOND)

    assert not any(recent.add_if_new(times[second], second * SECOND) for second in range(540, 600))
    assert recent.add_if_new(times[0], 600 * SECOND)


def test_memory_is_bounded_whatever_the_events(monkeypatch):
    monkeypatch.setattr(recent_frames, "_MAX_BYTES", 1000)
    recent = RecentFrames()
    for at in range(1000):
        recent.add_if_new(b"%0100d" % at, 0)

    assert len(recent._young) + len(recent._old) <= 22
