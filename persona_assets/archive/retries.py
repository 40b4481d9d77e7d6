"""When a request is sent again, and how long to wait before."""

import datetime as dt
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

from persona_assets.errors import ArchiveError

# Failures in a row after which a request is given up: about two minutes of waiting.
_MAX_FAILURES, _LONGEST_WAIT_S = 7, 64.0
# A quota refills while one waits, so that more patience helps: at most an hour.
_MAX_QUOTA_WAITS, _LONGEST_QUOTA_WAIT_S, _QUOTA_WAIT_S = 12, 300.0, 5.0


class RequestRetries:
    """Counts consecutive failures of one HTTP request, and waits exponentially longer after each."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        """Start with no failures; `sleep` is called with the number of seconds to wait."""
        self._sleep = sleep
        self._failures = self._quota_waits = 0

    def reset(self) -> None:
        """Set the number of consecutive failures to 0, because the request made progress."""
        self._failures = 0

    def wait_after_failure(self, what: str, host: str, *, wait_s: float | None = None, is_quota: bool = False) -> None:
        """Count a failure and wait before the request is repeated; after too many failures raise an error.

        Args:
            what: What failed, for the error.
            host: Which server, for the error.
            wait_s: Seconds that the server asked for; None if it did not.
            is_quota: Whether the server said that a quota is used up.

        Raises:
            ArchiveError: There were too many failures.
        """
        if is_quota:
            self._quota_waits += 1
            if self._quota_waits > _MAX_QUOTA_WAITS:
                raise ArchiveError(f"{host} still says that the quota is used up ({what}): go on tomorrow")
            self._sleep(min(_QUOTA_WAIT_S if wait_s is None else wait_s, _LONGEST_QUOTA_WAIT_S))
            return
        self._failures += 1
        if self._failures >= _MAX_FAILURES:
            raise ArchiveError(f"{host} failed {self._failures} times, the last by {what}: try again later")
        backoff_s = min(2.0 ** (self._failures - 1), _LONGEST_WAIT_S)
        self._sleep(backoff_s if wait_s is None else min(max(wait_s, backoff_s), _LONGEST_QUOTA_WAIT_S))


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds in the header `Retry-After` of a response; None if it is missing or not understood.

    A time of day is measured from the server's own clock, the header `Date`.
    """
    asked = headers.get("Retry-After", "")
    if asked.isascii() and asked.isdigit():
        return float(asked[:9])
    try:
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return max(wait / dt.timedelta(seconds=1), 0.0)
