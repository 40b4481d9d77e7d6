import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.archive.retries import RequestRetries, parse_retry_after
from persona_assets.errors import ArchiveError


def test_progress_gives_new_patience():
    waits = []
    retries = RequestRetries(waits.append)

    for _ in range(20):
        retries.wait_after_failure("a", "host")
        retries.reset()

    assert waits == [1.0] * 20


def test_what_the_server_asks_for_is_waited_at_least():
    waits = []
    retries = RequestRetries(waits.append)

    retries.wait_after_failure("a", "host", wait_s=9)
    retries.wait_after_failure("a", "host", wait_s=0)

    assert waits == [9, 2]


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}, None),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 08:49:07 GMT"}, 30),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:07 GMT", "Date": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0),
    ],
)
def test_both_forms_of_retry_after_are_read(headers, wait):
    assert parse_retry_after(headers) == wait


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_header_is_a_wait_or_none(asked, date):
    wait = parse_retry_after({"Retry-After": asked, "Date": date})

    assert wait is None or wait >= 0


def test_no_request_is_repeated_for_ever():
    retries = RequestRetries(lambda _: None)

    with pytest.raises(ArchiveError, match="host failed"):
        for _ in range(100):
            retries.wait_after_failure("a", "host")
