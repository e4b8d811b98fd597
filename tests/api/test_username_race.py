"""Sixty-four people want one username at once: one has it, the others are told so, and nobody is half registered."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import httpx
from taxpayers import form
from window import OPERATIONS

from domain.taxpayer.accounts import Counts
from domain.taxpayer.username import username_address

CLIENTS = 64
TEXT = (OPERATIONS / "RegisterTaxpayer.graphql").read_text()
SPELT = (str.lower, str.upper, str.title, lambda name: name.replace("o", "0"), lambda name: name.replace("l", "1"))
"""Ways to write a name that all read alike."""


def begun(at, count):
    """Clients whose drafts have confirmed mobile and address: client and form but for the username."""
    for number in range(count):
        client = at.client()
        opened = at.house.drafts.open(client.address)
        confirmed = {"email": f"racer{number}@example.org", "mobile": f"+9955770{number:05}"}
        at.house.drafts.confirm_email(opened.id, confirmed["email"])
        at.house.drafts.confirm_mobile(opened.id, confirmed["mobile"])
        client.token = opened.token
        yield client, form(confirmed, identification=f"9931{number:07}")


def counted(at):
    """How many events of each kind, addresses and password hashes there are."""
    with at.house.pool.connection() as db:
        events = dict(db.execute("SELECT topic, count(*) FROM ledger.event GROUP BY topic").fetchall())
        addresses = db.execute("SELECT count(*) FROM ledger.address").fetchone()[0]
    return Counter(events), addresses


def test_one_of_64_has_the_name_and_63_are_told_that_it_is_taken(at):
    name = f"olimpieli-{uuid4().hex[:8]}".replace("0", "8").replace("1", "7")
    racers = list(begun(at, CLIENTS))
    before, addresses_before = counted(at)
    start = threading.Barrier(CLIENTS)
    limits = httpx.Limits(max_connections=CLIENTS)
    with httpx.Client(trust_env=False, timeout=300, limits=limits) as http:

        def race(number):
            client, asked = racers[number]
            variables = {"input": {"form": asked | {"username": SPELT[number % len(SPELT)](name)}}}
            body = {"query": TEXT, "variables": variables}
            start.wait()
            return http.post(f"{at.url}/graphql", headers=client.headers, json=body)

        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(race, range(CLIENTS)))
    assert {answer.status_code for answer in answers} == {200}
    assert not any(answer.json().get("errors") for answer in answers)
    told = [answer.json()["data"]["registerTaxpayer"] for answer in answers]
    assert Counter(each.get("code") for each in told if "message" in each) == {"USERNAME_TAKEN": CLIENTS - 1}
    (won,) = (each for each in told if "message" not in each)

    after, addresses = counted(at)
    assert after - before == Counter(
        {f"taxpayer.Registration.{event}": 1 for event in ("Registered", "MobileConfirmed", "EmailConfirmed")}
        | {"taxpayer.Username.Reserved": 1}
    )
    assert addresses - addresses_before == 4, "number, draft, username, the taxpayer's slot: all of the one who won"
    assert at.house.office.find(*username_address(name)) is not None
    assert_nothing_counts_but(at, UUID(won["case"]))

    loser = next(number for number, each in enumerate(told) if "message" in each)
    client, asked = racers[loser]
    other = client.do("RegisterTaxpayer", form=asked | {"username": f"{name}-2"})
    assert other["case"] != won["case"], "whoever lost goes on in the same draft"


def assert_nothing_counts_but(at, winner):
    """Hashes were made before the name was lost: none of them is anybody's password."""
    with at.house.pool.connection() as db:
        kept = db.execute("SELECT registration, command FROM housekeeping.password ORDER BY kept_at DESC").fetchall()
    of_race = [row for row in kept[:CLIENTS] if not at.house.office.history(row[0]) or row[0] == winner]
    counting = [registration for registration, command in of_race
                if at.house.accounts.counts(registration, command) is not Counts.NOT]  # fmt: skip
    assert counting == [winner]
