"""The service over its real ports, spoken to over HTTP as a stranger would, and what people do at it."""

import asyncio
import itertools
import json
import threading
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from databases import an_offices_keys, an_offices_ledger
from neighbours import HTTP
from psycopg.conninfo import conninfo_to_dict
from websockets.sync.client import connect

from api.app import create_app
from sarkmeli.following import open_runner
from sarkmeli.house import open_house
from sarkmeli.parts import prepare
from sarkmeli.serving import Server, listen
from sarkmeli.settings import Settings

OPERATIONS = Path(__file__).parent.parent.parent / "web" / "operations"
_addresses = itertools.count(1)


def settings_of(folder, new_database, port, sandbox, **more):
    """A house's settings over new databases; this machine counts as a proxy, so that a test can be anywhere."""
    ledger, keys = new_database(an_offices_ledger), new_database(an_offices_keys)
    return Settings(
        folder=folder,
        port=port,
        public_url=f"http://localhost:{port}",
        sandbox_port=sandbox.port,
        smtp_port=sandbox.smtp_port,
        database_url=ledger,
        keys_database_url=keys,
        trusted_proxies=("127.0.0.1/32", "::1/128"),
        password_cost="m=64,t=1,p=1",
        **more,
    )


@contextmanager
def window(settings, sandbox):
    """The service at ``settings.port``, its read models following."""
    prepare(settings)
    stop = threading.Event()
    with open_house(settings) as house, open_runner(settings) as runner:
        following = threading.Thread(target=runner.run_forever, args=(stop,), daemon=True)
        following.start()
        with served(create_app(house.ports), settings.port):
            yield Window(house, sandbox)
        stop.set()
        following.join(20)


@contextmanager
def served(app, port):
    """An application behind the real server, in a thread of its own."""
    ready = threading.Event()
    server = Server(app, when_ready=ready.set)
    loop = asyncio.new_event_loop()
    serving = threading.Thread(
        target=loop.run_until_complete, args=(server.serve([listen("127.0.0.1", port)]),), daemon=True
    )
    serving.start()
    assert ready.wait(20)
    yield
    loop.call_soon_threadsafe(server.stop)
    serving.join(20)
    loop.close()


class Window:
    """A running service."""

    def __init__(self, house, sandbox):
        self.house = house
        self.sandbox = sandbox
        self.url = f"http://127.0.0.1:{house.settings.port}"
        self.tokens = {}

    def client(self, token=None, language="en"):
        """Somebody at an address of their own."""
        return Client(self, token, language)

    def staff(self, account):
        """A program of the staff's."""
        if account not in self.tokens:
            self.tokens[account] = self.sandbox.token(account)
        return self.client(self.tokens[account])

    def post(self, body, **headers):
        """A raw GraphQL request."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return HTTP.post(
            f"{self.url}/graphql", content=content, headers={"Content-Type": "application/json", **headers}
        )


class Client:
    """Somebody who speaks GraphQL."""

    def __init__(self, window, token, language):
        self.window = window
        self.token = token
        self.language = language
        number = next(_addresses)
        self.address = f"203.0.{number >> 8}.{number & 255}"

    @property
    def headers(self):
        known = {"Accept-Language": self.language, "X-Forwarded-For": self.address}
        return {**known, "Authorization": f"Bearer {self.token}"} if self.token else known

    def send(self, name, **variables):
        """The published operation's answer over HTTP."""
        query = (OPERATIONS / f"{name}.graphql").read_text()
        return self.window.post({"query": query, "variables": variables}, **self.headers)

    def ask(self, name, **variables):
        """The published operation's one field."""
        answer = self.send(name, **variables)
        body = answer.json()
        assert answer.status_code == 200, body
        (field,) = body["data"].values()
        return field

    def do(self, name, **asked):
        """A mutation with this input; it must not be refused."""
        answer = self.ask(name, input=asked)
        assert "message" not in answer, answer
        return answer

    def refused(self, name, **asked):
        """A mutation with this input that must be refused; the code."""
        answer = self.ask(name, input=asked)
        assert "message" in answer, answer
        return answer["code"]

    def upload(self, kind, content, token=None):
        answer = HTTP.post(
            f"{self.window.url}/uploads",
            params={"kind": kind},
            content=content,
            headers={**self.headers, "Authorization": f"Bearer {token or self.token}"},
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]


SAMPLES = {
    "photograph-1.jpg": "PHOTOGRAPH",
    "photograph-2.jpg": "PHOTOGRAPH",
    "passport.pdf": "IDENTITY",
    "motivation-letter.pdf": "MOTIVATION_LETTER",
}


def form(email, **changed):
    """A form without fault, of somebody whom the sandbox's civil registry knows."""
    return {
        "nameKa": {"first": "ნინო", "last": "მაისურაძე"},
        "nameLatin": {"first": "Nino", "last": "Maisuradze"},
        "birthDate": "1988-03-14",
        "sex": "FEMALE",
        "citizenships": ["GE"],
        "personalNumber": "01008012345",
        "document": {"kind": "OTHER", "number": "18IC40211", "issuer": "GE", "expires": "2034-05-20"},
        "addressAbroad": {"country": "DE", "city": "Berlin", "line": "Torstraße 1", "postcode": "10119"},
        "email": email,
        "telephone": "+493012345678",
        "grounds": {"citizenAbroad": True},
        "tier": "STANDARD",
        "language": "EN",
        "channel": "CARD",
        **changed,
    }


CONSENTS = [{"kind": "PERSONAL_DATA", "version": "v1"}]


def drafted(window, email=None):
    """Somebody with a draft, a confirmed address and every document uploaded; what registration then takes."""
    email = email or f"nino-{uuid4().hex[:8]}@example.org"
    client = window.client()
    client.token = client.do("OpenDraft", bearer=True)["token"]
    client.do("RequestEmailCode", email=email)
    client.do("ConfirmEmail", email=email, code=mailed_code(window, email))
    documents = [client.upload(kind, sample(window, name)) for name, kind in SAMPLES.items()]
    return client, {"form": form(email), "documents": documents, "consents": CONSENTS}


def mailed_code(window, email):
    """The six digits in the newest mail."""
    text = window.sandbox.mails(email)[-1]["text"]
    return next(word for word in text.replace(".", " ").replace(":", " ").split() if word.isdigit() and len(word) == 6)


def sample(window, name):
    return window.sandbox.ask("GET", f"/samples/{name}").content


def registered(window, email=None):
    """A holder: the client and what registration answered."""
    client, asked = drafted(window, email)
    answer = client.do("RegisterApplication", **asked)
    client.token = None
    return client, answer


def keyed(answer):
    """Number and code, as every holder's input takes them."""
    return {"number": answer["number"], "code": answer["code"]}


def database(conninfo):
    return conninfo_to_dict(conninfo)["dbname"]


def met(window, entered, operator):
    """Both sides come to the signalling point of a call; what each was told until they were connected."""
    address = f"ws://127.0.0.1:{window.house.settings.port}/videobar/calls/{entered['call']}"
    told = {}
    with connect(address) as applicant:
        applicant.send(json.dumps({"ticket": entered["ticket"]}))
        with connect(address, additional_headers={"Authorization": f"Bearer {operator.token}"}) as desk:
            told["operator"] = _until_connected(desk)
            told["applicant"] = _until_connected(applicant)
            applicant.send('{"sdp": "offer"}')
            told["passed on"] = json.loads(desk.recv(10))
    return told


def _until_connected(socket):
    messages = [json.loads(socket.recv(10))]
    while messages[-1]["type"] != "connected":
        messages.append(json.loads(socket.recv(10)))
    return messages


def checks(source="CIVIL_REGISTRY", verdict="MATCHES", visual=True):
    """Every check with one source and one verdict."""
    check = {"source": source, "verdict": verdict}
    names = ("surname", "firstName", "documentValidity", "citizenship", "picture")
    return {**dict.fromkeys(names, check), "visualContact": visual}


def seen(window, client, answer, operator="operator-1"):
    """The applicant is called in, seen and verified; what the operator's last command answered."""
    consent = client.ask("Office")["bar"]["consent"]
    entered = client.do("EnterBar", **keyed(answer), consent=consent, camera=True, microphone=True)
    desk = window.staff(operator)
    claimed = desk.do("ClaimNextCall")
    assert claimed["call"] == entered["call"]
    met(window, entered, desk)
    desk.do("RecordChecks", call=entered["call"], checks=checks(), will="She asks for the status of compatriot.")
    return desk.do("Verify", call=entered["call"])


def paid(window, answer):
    """The fee is paid by card at the bank's page, and the payer comes back."""
    there = HTTP.get(answer["bankPage"].replace("localhost", "127.0.0.1"), follow_redirects=False)
    assert there.status_code == 303, there.text
    back = window.sandbox.pay(there.headers["location"].replace("localhost", "127.0.0.1"))
    assert back.status_code == 303, back.text
    return HTTP.get(back.headers["location"].replace("localhost", "127.0.0.1"))
