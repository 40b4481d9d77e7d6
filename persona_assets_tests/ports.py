"""Free ports for servers that tests start."""

import random
import socket

# Below the ephemeral ports: an outgoing connection could take one of those before the server is up.
LOWEST, HIGHEST = 10_000, 32_000


def find_free_port() -> int:
    """Return a free port of the loopback interface, chosen at random so that concurrent test runs differ."""
    while True:
        port = random.SystemRandom().randint(LOWEST, HIGHEST)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
