"""An office with drafts that only wait for registerApplication, and the requests that file them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.drafts import ReadyDraft, ready_drafts
from bench.load import Request, per_second
from sarkmeli.house import open_house
from sarkmeli.neighbours import sandbox_credentials
from sarkmeli.outside import OPERATIONS, Outside
from sarkmeli.run_folder import RunFolder
from sarkmeli.settings import Settings
from sarkmeli.story import Story
from sarkmeli.throw_away import throw_away_office


@dataclass(frozen=True)
class Registering:
    """A running office, a case that is filed in it, and drafts of which each is filed once."""

    folder: RunFolder
    port: int
    case: str
    drafts: Iterator[ReadyDraft]

    def per_second(self, clients: int, each: int) -> float:
        """Registrations a second: ``each`` of every client, one connection a client."""
        query = (OPERATIONS / "RegisterApplication.graphql").read_text(encoding="utf-8")

        def registration(draft: ReadyDraft) -> Request:
            body = {"query": query, "variables": draft.variables}
            return Request.post("/graphql", body, Authorization=f"Bearer {draft.token}")

        lanes = [[registration(next(self.drafts)) for _ in range(each)] for _ in range(clients)]
        return per_second(self.port, lanes, lambda body: b'"ApplicationRegistered"' in body)


@contextmanager
def registering(drafts: int) -> Generator[Registering]:
    """An office with so many drafts, gone afterwards."""
    with throw_away_office() as (folder, addresses):
        outside = Outside(addresses.url, addresses.sandbox, sandbox_credentials(folder.path))
        with closing(outside):
            story = Story(outside)
            for step in story.steps()[:4]:
                step.do()
            with open_house(Settings(folder=folder.path)) as house:
                ready = iter(ready_drafts(house, story, drafts))
            yield Registering(folder, urlsplit(addresses.url).port or 80, story.case, ready)
