"""Registrations a second as one GraphQL command each, against a bare endpoint that inserts the same rows."""

from __future__ import annotations

from uuid import UUID

from bench.load import ROUNDS, Request, contest, per_second
from bench.memory import tell_peaks
from bench.peer import running_peer
from bench.registering import registering
from sarkmeli import embedded

LANES = 8
EACH = 8
GOAL = 0.2
"""What the form's rules, sealing, idempotency and GraphQL may leave of the bare endpoint's rate."""


def main() -> None:
    """Print the line."""
    with registering(LANES * EACH * (ROUNDS + 1)) as office:
        peer = [[Request.post("/insert", {"case": office.case})] * EACH for _ in range(LANES)]
        with running_peer(embedded.conninfo(office.folder.path, "sarkmeli"), UUID(office.case)) as peer_port:
            line = contest(
                "register",
                lambda: office.per_second(LANES, EACH),
                lambda: per_second(peer_port, peer, lambda body: b'"case"' in body),
                GOAL,
            )
        tell_peaks("register", office.folder)
    print(line)


if __name__ == "__main__":
    main()
