"""Remember the latest events, so that those that a server delivers again after a reconnection are recorded once."""

# Limits of one of the two generations: events of this range of time, this number, and this size.
_SPAN_US = 60_000_000
_MAX_EVENTS, _MAX_BYTES = 50_000, 32 << 20


class RecentFrames:
    """Remembers the latest events, so that events delivered again after a reconnection are recognised."""

    def __init__(self) -> None:
        """Start with no events."""
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()
        self._begin_us, self._bytes = 0, 0

    def add_if_new(self, identity: bytes, time_us: int) -> bool:
        """Remember an event unless it is already remembered; return whether it is new."""
        young = self._young
        if identity in young or identity in self._old:
            return False
        young.add(identity)
        self._bytes += len(identity)
        if time_us - self._begin_us > _SPAN_US or len(young) > _MAX_EVENTS or self._bytes > _MAX_BYTES:
            self._old, self._young = young, set()
            self._begin_us, self._bytes = time_us, 0
        return True
