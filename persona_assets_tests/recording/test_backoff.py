import random

from persona_assets.recording.backoff import Backoff


def test_waits_double_up_to_a_minute_and_begin_anew_after_a_success():
    backoff = Backoff(random.Random(1))  # noqa: S311 - jitter
    waits = []
    for _ in range(12):
        waits.append(backoff.next_wait_s())
        backoff.count_failure()

    assert all(2.0**at / 2 <= wait <= 2.0**at for at, wait in enumerate(waits[:7]))
    assert all(32 <= wait <= 64 for wait in waits[7:])
    assert backoff.failures == 12
    backoff.reset()
    assert backoff.next_wait_s() <= 1
    assert len({backoff.next_wait_s() for _ in range(5)}) == 5
