"""PostgreSQL stops answering, in two ways, and comes back: all are told to come again, and nothing is restarted."""

import itertools
import shutil
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from owned_postgres import OwnPostgres
from running_office import Office
from settling import THE_CASES_OWN, settled

from sarkmeli.outside import OPERATIONS
from sarkmeli.story import Story

TIME_OUT = 20.0
"""Seconds within which everything is answered: a statement is given up after 10, and what follows it takes a moment."""
addresses = itertools.count()


@pytest.fixture(scope="module")
def office():
    """An office on a PostgreSQL of its own."""
    base = Path(tempfile.mkdtemp(prefix="sk-away-", dir="/tmp"))
    postgres = OwnPostgres(base / "pg").start().make_database()
    trusted = '["127.0.0.1/32", "::1/128"]'  # so that everybody can come from an address of their own
    office = Office(base / "run", SARKMELI_DATABASE_URL=postgres.url, SARKMELI_TRUSTED_PROXIES=trusted).start()
    yield office, postgres
    postgres.thaw()
    assert office.stop() == 0
    office.clean_up()
    postgres.clean_up()
    shutil.rmtree(base, ignore_errors=True)


class Callers:
    """People who ask for everything, over and over, each answer counted; what is no answer is kept."""

    def __init__(self, url, asks):
        self.url = url
        self.asks = asks
        self.counted = Counter()
        self.wrong = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(name,)) for name in asks]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(2 * TIME_OUT)

    def _ask(self, name):
        with httpx.Client(base_url=self.url, timeout=TIME_OUT, trust_env=False, follow_redirects=False) as client:
            while not self._over.is_set():
                try:
                    answer = client.request(**elsewhere(self.asks[name]))
                except httpx.HTTPError as error:
                    self.wrong.append((name, type(error).__name__))
                    return
                self.counted[name, answer.status_code] += 1
                if answer.status_code >= 500 and not proper(answer):
                    self.wrong.append((name, answer.status_code, answer.text[:200]))
                self._over.wait(0.05)


def proper(answer):
    """A clean 503: when to come again, and words that say so."""
    return answer.status_code == 503 and answer.headers.get("retry-after", "").isdigit() and answer.json()


def elsewhere(ask):
    """The same request from another address: nobody is throttled."""
    number = next(addresses)
    return ask | {"headers": {**ask.get("headers", {}), "X-Forwarded-For": f"203.0.{number >> 8 & 255}.{number & 255}"}}


def graphql(name, **variables):
    query = (OPERATIONS / f"{name}.graphql").read_text()
    return {"method": "POST", "url": "/graphql", "json": {"query": query, "variables": variables}}


def everything(story):
    """One request of every kind that needs the database."""
    held = {"number": story.number, "code": story.code}
    filed = {"commandId": str(uuid4()), "form": story.form(), "documents": [], "consents": []}
    return {
        "a question": graphql("Status", **held),
        "a step": graphql("OpenDraft", input={"bearer": True}),
        "a command": graphql("RegisterApplication", input=filed)
        | {"headers": {"Authorization": f"Bearer {story._draft}"}},
        "a payer": {"method": "GET", "url": story._registered["bankPage"]},
        "an upload": {
            "method": "POST", "url": "/uploads?kind=OTHER", "content": b"x",
            "headers": {"Authorization": f"Bearer {story._draft}", "Content-Type": "image/png"},
        },
        "a document": {"method": "POST", "url": "/documents", "json": {"ticket": "x"}},
        "a sign-in": {"method": "GET", "url": "/sign-in"},
        "the bank": {"method": "POST", "url": "/bank/callback", "content": b"{}"},
        "readiness": {"method": "GET", "url": "/readyz"},
    }  # fmt: skip


@pytest.mark.parametrize("seconds", [3, pytest.param(30, marks=pytest.mark.long)])
@pytest.mark.parametrize("way", ["stopped", "frozen"])
@pytest.mark.timeout(600)
def test_everybody_is_told_to_come_again_and_nothing_is_restarted(office, way, seconds, record_property):
    office, postgres = office
    before = office.parts()
    story = Story(office.outside(patience=60))
    steps = iter(story.steps())
    for step in steps:
        step.do()
        if step.name == "the case is looked up":
            break
    asks = everything(story)
    with Callers(office.url, asks) as callers:
        away, back = (postgres.stop, postgres.start) if way == "stopped" else (postgres.freeze, postgres.thaw)
        away()
        try:
            with httpx.Client(base_url=office.url, timeout=TIME_OUT, trust_env=False) as client:
                end = time.monotonic() + seconds
                while client.get("/readyz").status_code != 503:
                    assert time.monotonic() < end + 60
                while True:
                    for name, ask in asks.items():
                        assert proper(client.request(**elsewhere(ask))), name
                    for path in ("/healthz", "/"):
                        assert client.get(path).status_code == 200, path
                    if time.monotonic() > end:
                        break
        finally:
            back()
        for step in steps:
            step.do()
    assert callers.wrong == []
    assert story.events == THE_CASES_OWN
    assert office.parts() == before, "no part was restarted"
    settled(office)
    story.outside.close()
    record_property("told", f"{way} for {seconds} s: {dict(sorted(callers.counted.items()))}")
