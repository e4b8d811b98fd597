"""GraphQL look-ups by number and code a second, against a bare endpoint that reads the same row."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from bench.load import Request, contest, per_second
from bench.memory import tell_peaks
from bench.peer import running_peer
from sarkmeli import embedded
from sarkmeli.neighbours import sandbox_credentials
from sarkmeli.outside import OPERATIONS, Outside
from sarkmeli.story import Story
from sarkmeli.throw_away import throw_away_office

LANES = 4
"""Connections at once. A number bears five tries at once; each lane has a case of its own."""
EACH = 100
GOAL = 0.2
"""What verifying a code, opening what is sealed and GraphQL may leave of the bare endpoint's rate."""


def main() -> None:
    """Print the line."""
    with throw_away_office() as (folder, addresses):
        outside = Outside(addresses.url, addresses.sandbox, sandbox_credentials(folder.path))
        stories = [Story(outside) for _ in range(LANES)]
        for story in stories:
            for step in story.steps()[:6]:
                step.do()
        query = (OPERATIONS / "Status.graphql").read_text(encoding="utf-8")
        ours = [
            [Request.post("/graphql", {"query": query, "variables": {"number": story.number, "code": story.code}})]
            * EACH
            for story in stories
        ]
        peer = [[Request.post("/read", {"case": story.case})] * EACH for story in stories]
        port = urlsplit(addresses.url).port or 80
        with running_peer(embedded.conninfo(folder.path, "sarkmeli"), UUID(stories[0].case)) as peer_port:
            line = contest(
                "lookup",
                lambda: per_second(port, ours, lambda body: b'"CaseStatus"' in body),
                lambda: per_second(peer_port, peer, lambda body: b'"state"' in body),
                GOAL,
            )
        outside.close()
        tell_peaks("lookup", folder)
    print(line)


if __name__ == "__main__":
    main()
