from collections import Counter

import pytest

from persona_assets.errors import StreamError
from persona_assets.recording.addresses import parse_addresses
from persona_assets.recording.attempts import AttemptPlanner
from persona_assets.recording.connection import ConnectionLostError, SubscriptionError
from persona_assets.recording.dictionaries import DictionaryChooser
from persona_assets.recording.retries import ConnectionRetries

URLS = ["ws://a/xrpc/network.bsky.jetstream.subscribeEvents", "ws://b/subscribe"]


def make_retries(*, gives_up=False):
    attempts = AttemptPlanner(parse_addresses(URLS))
    dictionaries = DictionaryChooser({5: b"d"}, fetch=lambda _: None)
    return ConnectionRetries(attempts, dictionaries, Counter(), gives_up=gives_up), attempts, dictionaries


def test_a_dictionary_that_is_refused_is_not_asked_for_again():
    retries, attempts, dictionaries = make_retries()
    address = attempts.addresses[0]

    assert retries.adapt_request_or_switch_server(
        SubscriptionError("r", name="UnknownZstdDictionary"), address, (5, b"d")
    )
    assert dictionaries.choose_for_server(address) is None
    assert attempts.index == 0


def test_a_sequence_number_that_is_too_old_is_replaced_by_a_time():
    retries, attempts, _ = make_retries()
    attempts.remember_sequence(1, 1)
    error = SubscriptionError("r", name="CursorTooOld", is_final=True, is_bad_request=True)

    assert retries.adapt_request_or_switch_server(error, attempts.addresses[0], None)
    assert not retries.adapt_request_or_switch_server(error, attempts.addresses[0], None)
    assert attempts.index == 1


def test_a_recording_ends_when_all_servers_refuse_for_good():
    retries, attempts, _ = make_retries()
    final = SubscriptionError("HTTP status 401", is_final=True)
    for address in attempts.addresses:
        retries.adapt_request_or_switch_server(final, address, None)

    with pytest.raises(StreamError, match="a: HTTP status 401; b: HTTP status 401"):
        retries.next_wait_s(has_progress=False)
    retries.reset_after_connection()
    assert retries.next_wait_s(has_progress=False) > 0


@pytest.mark.parametrize("gives_up", [True, False])
def test_only_a_range_gives_up_when_no_server_delivers(gives_up):
    retries, _, _ = make_retries(gives_up=gives_up)

    def fail():
        for _ in range(100):
            retries.next_wait_s(has_progress=False)

    if gives_up:
        with pytest.raises(StreamError, match="continues where it stopped"):
            fail()
    else:
        fail()


def test_an_oversize_frame_is_left_out_by_the_server_then_skipped():
    retries, attempts, _ = make_retries()
    lost = ConnectionLostError("l", is_oversize=True)

    retries.plan_after_loss(lost, has_progress=True)
    assert retries.max_message_bytes == 8 << 20
    retries.plan_after_loss(lost, has_progress=False)
    assert attempts.next_attempt(10**15, is_resumed=True).cursor == 10**15 + 1_000_000
