"""Ports for servers that tests start."""

import random
import socket

# Below the ports that systems give to outgoing connections, any of which could take one before its server is up.
LOWEST, HIGHEST = 10_000, 32_000


def find_free_port() -> int:
    """Return a port of the loopback interface that nothing listens on; another suite beside this one hardly has it."""
    while True:
        port = random.SystemRandom().randint(LOWEST, HIGHEST)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
