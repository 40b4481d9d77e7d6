from hypothesis import given
from hypothesis import strategies as st

from persona_assets.recording.continuity import MIN_GAP_US, GapDetector

SECOND = 1_000_000


def follow_all(continuity, times):
    return [gap for time in times if (gap := continuity.add_event_time(time))]


def test_the_first_event_of_a_live_stream_is_where_it_begins():
    continuity = GapDetector(None)
    continuity.expect_new_connection()

    assert follow_all(continuity, [50 * SECOND]) == []
    assert continuity.frontier_us == 50 * SECOND


def test_an_event_before_the_position_proves_that_nothing_is_missing():
    continuity = GapDetector(50 * SECOND)
    continuity.expect_new_connection()

    assert follow_all(continuity, [49 * SECOND, 57 * SECOND]) == []
    assert continuity.frontier_us == 57 * SECOND


def test_a_stream_that_begins_later_than_needed_has_a_gap():
    continuity = GapDetector(50 * SECOND)
    continuity.expect_new_connection()

    (gap,) = follow_all(continuity, [53 * SECOND, 52 * SECOND, 54 * SECOND])

    assert gap == (50 * SECOND, 52 * SECOND, "the stream began later than asked")
    assert continuity.frontier_us == 50 * SECOND
    continuity.continue_after(gap)
    assert follow_all(continuity, [54 * SECOND]) == []
    assert continuity.frontier_us == 54 * SECOND


def test_few_events_beyond_a_gap_are_enough_when_nothing_follows():
    continuity = GapDetector(50 * SECOND)
    continuity.expect_new_connection()

    assert continuity.find_pending_gap() is None
    assert continuity.add_event_time(52 * SECOND) is None
    assert continuity.find_pending_gap() == (50 * SECOND, 52 * SECOND, "the stream began later than asked")


def test_a_jump_within_a_dense_stream_is_a_gap_and_within_a_sparse_one_is_none():
    for spacing, jumps in ((SECOND // 100, 1), (SECOND, 0)):
        continuity = GapDetector(0)
        continuity.expect_new_connection()
        times = [at * spacing for at in range(100)]
        gaps = follow_all(continuity, [*times, *(times[-1] + 5 * SECOND + at for at in range(3))])

        assert len(gaps) == jumps


def test_one_event_of_a_broken_clock_does_not_move_the_position():
    continuity = GapDetector(0)
    continuity.expect_new_connection()

    assert follow_all(continuity, [0, SECOND, 10**15, 10**15, 2 * SECOND]) == []
    assert continuity.frontier_us == 2 * SECOND


@given(st.lists(st.integers(0, MIN_GAP_US - 1), max_size=200))
def test_a_stream_without_a_silence_of_a_second_has_no_gap(distances):
    continuity = GapDetector(0)
    continuity.expect_new_connection()
    time, times = 0, []
    for distance in distances:
        time += distance
        times.append(time)

    assert follow_all(continuity, times) == []
    assert continuity.frontier_us == time
