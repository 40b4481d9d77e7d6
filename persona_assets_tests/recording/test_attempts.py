from persona_assets.recording.addresses import parse_addresses
from persona_assets.recording.attempts import (
    CUTOVER_REWIND_US,
    LEAD_US,
    LONG_LEAD_US,
    REWIND_US,
    Attempt,
    AttemptPlanner,
)
from persona_assets.recording.results import Gap

SECOND = 1_000_000
AT = 1_700_000_000 * SECOND


def make_attempts(number=2):
    return AttemptPlanner(parse_addresses([f"ws://h{at}/subscribe" for at in range(number)]))


def test_it_begins_before_the_position_that_is_needed():
    attempts = make_attempts()

    assert attempts.next_attempt(None, is_resumed=False) == Attempt(0, None, None)
    assert attempts.next_attempt(AT, is_resumed=False).cursor == AT - LEAD_US
    assert attempts.next_attempt(AT, is_resumed=True).cursor == AT - REWIND_US


def test_a_sequence_number_serves_the_server_that_gave_it():
    attempts = make_attempts()
    for second in range(60):
        attempts.remember_sequence(AT + second * SECOND, 100 + second)

    assert attempts.next_attempt(AT + 59 * SECOND, is_resumed=True) == Attempt(0, 154, AT + 54 * SECOND)
    assert len(attempts._sequence) < 20
    attempts.switch_after_failure()
    assert attempts.next_attempt(AT + 59 * SECOND, is_resumed=True) == Attempt(1, AT + 54 * SECOND, AT + 54 * SECOND)
    attempts.switch_after_failure()
    assert attempts.has_sequence
    attempts.forget_sequence()
    assert not attempts.has_sequence
    assert attempts.next_attempt(AT + 59 * SECOND, is_resumed=True).cursor == AT + 54 * SECOND


def test_after_catching_up_it_goes_back_further_once():
    attempts = make_attempts()
    attempts.rewind_further()

    assert attempts.next_attempt(AT, is_resumed=True).cursor == AT - CUTOVER_REWIND_US
    attempts.reset_after_progress()
    assert attempts.next_attempt(AT, is_resumed=True).cursor == AT - REWIND_US


def test_what_a_server_cannot_hand_over_is_skipped_by_seconds():
    attempts = make_attempts()
    attempts.skip_ahead()
    attempts.skip_ahead()

    assert attempts.next_attempt(AT, is_resumed=True).cursor == AT + 2 * SECOND


def test_a_gap_at_the_beginning_is_accepted_when_all_servers_were_asked_from_long_before():
    attempts = make_attempts()
    gap, smaller = Gap(AT, AT + 90 * SECOND, "w"), Gap(AT, AT + 30 * SECOND, "w")

    assert not attempts.must_accept_gap(gap, is_resumed=False)
    assert attempts.next_attempt(AT, is_resumed=False) == Attempt(0, AT - LONG_LEAD_US, AT - LONG_LEAD_US)
    assert not attempts.must_accept_gap(gap, is_resumed=False)
    assert attempts.next_attempt(AT, is_resumed=False).server == 1
    assert not attempts.must_accept_gap(smaller, is_resumed=False)
    assert attempts.must_accept_gap(smaller, is_resumed=False)


def test_of_several_servers_the_one_whose_stream_goes_on_earliest_is_taken():
    attempts = make_attempts()
    gap, larger = Gap(AT, AT + 30 * SECOND, "w"), Gap(AT, AT + 90 * SECOND, "w")

    assert not attempts.must_accept_gap(gap, is_resumed=True)
    assert not attempts.must_accept_gap(gap, is_resumed=True)
    assert attempts.index == 1
    assert not attempts.must_accept_gap(larger, is_resumed=True)  # each server is read twice
    assert not attempts.must_accept_gap(larger, is_resumed=True)
    assert attempts.index == 0
    assert attempts.must_accept_gap(gap, is_resumed=True)


def test_a_server_that_fails_is_not_waited_for():
    attempts = make_attempts()
    attempts.switch_after_failure()
    gap = Gap(AT, AT + 30 * SECOND, "w")

    assert not attempts.must_accept_gap(gap, is_resumed=True)
    assert attempts.must_accept_gap(gap, is_resumed=True)
