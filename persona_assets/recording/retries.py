"""What follows a lost or refused connection: other parameters, another server, a wait, or giving up."""

import random
from collections import Counter

from persona_assets.errors import StreamError
from persona_assets.recording.addresses import StreamAddress
from persona_assets.recording.attempts import AttemptPlanner
from persona_assets.recording.backoff import Backoff
from persona_assets.recording.connection import MAX_FRAME_BYTES, ConnectionLostError, SubscriptionError
from persona_assets.recording.dictionaries import DictionaryChooser

# A replay gives up after so many attempts on each server in a row that brought nothing.
_MAX_FAILURES = 8
_UNKNOWN_DICTIONARY, _CURSOR_TOO_OLD = "UnknownZstdDictionary", "CursorTooOld"


class ConnectionRetries:
    """Decides what follows a rejected or lost connection: other parameters, another server, a wait, or an error."""

    def __init__(
        self, attempts: AttemptPlanner, dictionaries: DictionaryChooser, dropped: Counter[str], *, gives_up: bool
    ) -> None:
        """Start with no failures; `attempts` and `dictionaries` are changed by what servers answer.

        Args:
            attempts: Which server is next.
            dictionaries: Which dictionary each server is asked for.
            dropped: Where frames that are too large are counted.
            gives_up: Whether the recording ends when no server delivers.
        """
        self._attempts, self._dictionaries, self._dropped, self._gives_up = attempts, dictionaries, dropped, gives_up
        self._backoff = Backoff(random.Random())  # noqa: S311 - jitter is no secret
        self._final: dict[int, str] = {}  # by server: why it refuses for good
        self.max_message_bytes: int | None = None

    def reset_after_connection(self) -> None:
        """Forget earlier rejections, because a server accepted the subscription."""
        self._final.clear()

    def adapt_request_or_switch_server(
        self, error: SubscriptionError, address: StreamAddress, dictionary: tuple[int, bytes] | None
    ) -> bool:
        """After a rejection adapt the next request, or switch to the next server; return whether the server stays."""
        if error.name == _CURSOR_TOO_OLD and self._attempts.has_sequence:
            self._attempts.forget_sequence()
            return True
        if dictionary is not None and (error.name == _UNKNOWN_DICTIONARY or (error.is_bad_request and not error.name)):
            self._dictionaries.mark_rejected(address, dictionary[0])
            return True
        if error.is_final:
            self._final[self._attempts.index] = str(error)
        self._attempts.switch_after_failure()
        return False

    def plan_after_loss(self, error: ConnectionLostError, *, has_progress: bool) -> None:
        """Plan the next request after a connection was lost; `has_progress` says if it delivered new events."""
        if error.is_oversize:
            self._dropped["oversize frame"] += 1
            if self.max_message_bytes is None:
                self.max_message_bytes = MAX_FRAME_BYTES
            elif not has_progress:
                self._attempts.skip_ahead()
        elif not has_progress:
            self._attempts.switch_after_failure()

    def next_wait_s(self, *, has_progress: bool) -> float:
        """Return the seconds to wait before the next request; raise `StreamError` to give up.

        Raises:
            StreamError: All servers refuse the request, or none delivers and the recording is one that gives up.
        """
        addresses = self._attempts.addresses
        if len(self._final) == len(addresses):
            reasons = "; ".join(f"{addresses[at].host}: {why}" for at, why in sorted(self._final.items()))
            raise StreamError(
                f"every server refuses the stream ({reasons}): check PERSONA_JETSTREAM_URLS, "
                "PERSONA_STREAM_COLLECTIONS and PERSONA_STREAM_DIDS"
            )
        if has_progress:
            self._backoff.reset()
        else:
            self._backoff.count_failure()
        if self._gives_up and self._backoff.failures >= _MAX_FAILURES * len(addresses):
            raise StreamError(
                "no server of PERSONA_JETSTREAM_URLS delivers the stream: check the network and the addresses, then "
                "start again, which continues where it stopped"
            )
        return self._backoff.next_wait_s()
