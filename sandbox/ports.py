"""Ports for what is bound a moment later, and bound again after a kill."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import Final

RANGE: Final = range(10_240, 32_768)
"""Below the ports that systems give outgoing connections: no connection of anybody's sits on one when it is bound."""


def free_port() -> int:
    """A port of loopback at which nobody listens. It is drawn, so that two who look at once do not take the same."""
    chance = random.SystemRandom()
    while True:
        port = chance.choice(RANGE)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
