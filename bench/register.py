"""Registrations a second as one GraphQL command each, against a bare endpoint that inserts the same rows."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from bench.drafts import ReadyDraft, ready_drafts
from bench.load import ROUNDS, Request, contest, per_second
from bench.memory import tell_peaks
from bench.peer import running_peer
from sarkmeli import embedded
from sarkmeli.house import open_house
from sarkmeli.neighbours import sandbox_credentials
from sarkmeli.outside import OPERATIONS, Outside
from sarkmeli.settings import Settings
from sarkmeli.story import Story
from sarkmeli.throw_away import throw_away_office

LANES = 8
EACH = 8
GOAL = 0.2
"""What the form's rules, sealing, idempotency and GraphQL may leave of the bare endpoint's rate."""


def main() -> None:
    """Print the line."""
    with throw_away_office() as (folder, addresses):
        outside = Outside(addresses.url, addresses.sandbox, sandbox_credentials(folder.path))
        story = Story(outside)
        for step in story.steps()[:4]:
            step.do()
        with open_house(Settings(folder=folder.path)) as house:
            drafts = iter(ready_drafts(house, story, LANES * EACH * (ROUNDS + 1)))
        query = (OPERATIONS / "RegisterApplication.graphql").read_text(encoding="utf-8")

        def registration(draft: ReadyDraft) -> Request:
            body = {"query": query, "variables": draft.variables}
            return Request.post("/graphql", body, Authorization=f"Bearer {draft.token}")

        port = urlsplit(addresses.url).port or 80
        peer = [[Request.post("/insert", {"case": story.case})] * EACH for _ in range(LANES)]
        with running_peer(embedded.conninfo(folder.path, "sarkmeli"), UUID(story.case)) as peer_port:
            line = contest(
                "register",
                lambda: per_second(
                    port,
                    [[registration(next(drafts)) for _ in range(EACH)] for _ in range(LANES)],
                    lambda body: b'"ApplicationRegistered"' in body,
                ),
                lambda: per_second(peer_port, peer, lambda body: b'"case"' in body),
                GOAL,
            )
        outside.close()
        tell_peaks("register", folder)
    print(line)


if __name__ == "__main__":
    main()
