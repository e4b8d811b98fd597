"""What is refused: wrong keys, questions, addresses, files and lines, a canary in each; and what fails."""

import base64
import itertools
import json
import socket
from contextlib import suppress
from uuid import uuid4

import httpx
from canaries import DIGITS, THERE
from canary_applicant import Applicant
from canary_papers import acting, photograph
from canary_schema import questions
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from sarkmeli.outside import OPERATIONS
from sarkmeli.story import AUDITOR, CHIEF, OFFICER, OPERATOR

JSON = {"Content-Type": "application/json"}
ME = {"query": "{ me { draft { id } staff { name } } }"}


def published(operation):
    return (OPERATIONS / f"{operation}.graphql").read_text()


class Attacks:
    """Everything that somebody may send who has no right to, or by mistake."""

    def __init__(self, outside, told):
        self.outside, self.told = outside, told

    def tell(self, one):
        """``one``: an applicant whose case there is."""
        self.wrong_numbers(one)
        self.wrong_keys()
        self.wrong_askers()
        self.wrong_forms()
        self.wrong_questions()
        self.wrong_bodies()
        self.wrong_cursors()
        self.wrong_addresses()
        self.wrong_files()
        self.wrong_lines(one)

    def wrong_numbers(self, one):
        """Number and code that do not belong together, from another address."""
        words = self.told.words_of("wrong numbers")
        for number, code in (
            (one.number, words("wrong code")),
            (words("wrong number"), one.code),
            (f"{DIGITS}432", one.code),
        ):
            body = {"query": published("Status"), "variables": {"number": number, "code": code}}
            answer = self.outside.raw("POST", "/graphql", json=body, headers={"X-Forwarded-For": f"{THERE}:77"}).json()
            assert answer["data"]["status"]["code"] == "WRONG_NUMBER_OR_CODE", answer
        held = {"number": one.number, "code": one.code}
        assert self.outside.refused("Status", **held, atLeast=words("position")) == "TOKEN_REFUSED"

    def wrong_keys(self):
        """Tokens, cookies, tickets: what is shown and opens nothing."""
        raw, words = self.outside.raw, self.told.words_of("wrong keys")
        header = json.dumps({"alg": "RS256", "kid": words("key id")}).encode()
        part = base64.urlsafe_b64encode(header).rstrip(b"=").decode()
        for bearer in (
            words("bearer"),
            f"{uuid4().hex}.{words('draft secret')}",
            f"{part}.{words('claims')}.{words('signature')}",
        ):
            for scheme in ("Bearer", "Basic"):
                headers = {"Authorization": f"{scheme} {bearer}"}
                raw("POST", "/graphql", json=ME, headers=headers)
                raw("POST", "/uploads?kind=OTHER", content=b"x", headers=headers)
        cookie = f"__Host-session={words('session')}; __Host-draft={words('draft')}; other={words('other cookie')}"
        for origin in (self.outside.url, f"http://{words('origin')}.example"):
            headers = {"Cookie": cookie, "Origin": origin, "X-Sarkmeli": words("our header")}
            raw("POST", "/graphql", json=ME, headers=headers)
        raw("POST", "/documents", json={"ticket": words("ticket")})
        raw("GET", f"/pay/{words('link to pay')}")
        raw("GET", f"/sign-in/callback?state={words('state')}&code={words('code')}&error={words('error')}")
        assert self.outside.refused("CallPlace", ticket=words("ticket of a call")) == "LINK_REFUSED"

    def wrong_askers(self):
        """Every question and command there is, with words wherever texts go, by everybody and each from elsewhere."""
        words = self.told.words_of("wrong askers")
        places = itertools.count(1)
        bearers = [None, self.outside.ask("OpenDraft", input={"bearer": True})["token"]]
        bearers += [self.outside._token(account) for account in (OPERATOR, OFFICER, CHIEF, "cashier", AUDITOR)]
        for bearer, (query, variables) in itertools.product(bearers, questions(lambda: words("text"))):
            headers = {"X-Forwarded-For": f"{THERE}{next(places):x}::77"}
            headers |= {"Authorization": f"Bearer {bearer}"} if bearer else {}
            answer = self.outside.raw(
                "POST", "/graphql", json={"query": query, "variables": variables}, headers=headers
            )
            assert answer.status_code == 200, (query, answer.text)

    def wrong_forms(self):
        """A form full of faults, and addresses that the mail server will not have."""
        outside, words = self.outside, self.told.words_of("wrong forms")
        draft = outside.ask("OpenDraft", input={"bearer": True})["token"]
        form = Applicant(outside, "faulty").form | {
            "nameKa": {"first": words("Latin in a Georgian name"), "last": ""},
            "nameLatin": {"first": words("Georgian in a Latin name", "georgian"), "last": words("long") * 50},
            "citizenships": [words("citizenship"), "XX"],
            "personalNumber": f"{DIGITS}{words('personal number')}",
            "telephone": f"0{DIGITS}",
            "email": f"{words('no address')} at home",
        }
        asked = {"form": form, "consents": [{"kind": "NEWS", "version": words("version")}]}
        for documents, code in (([str(uuid4())], "UPLOAD_UNKNOWN"), ([], "FORM_REFUSED")):
            given = {**asked, "documents": documents}
            assert outside.refused("RegisterApplication", draft=draft, input=given) == code
        strange = {**form, "sex": words("no member"), "birthDate": words("no date"), words("no field"): 1}
        body = {"query": published("RegisterApplication"), "variables": {"input": {"form": strange}}}
        assert outside.raw("POST", "/graphql", json=body).status_code == 400
        for local in ("busy", "refused"):
            mailed = {"email": f"{local}@{words('domain')}.example"}
            code = outside.refused("RequestEmailCode", draft=draft, input=mailed)
            assert code in ("MAIL_AWAY", "EMAIL_UNUSABLE"), code

    def wrong_questions(self):
        """Documents that do not parse or validate, and variables that do not fit."""
        words = self.told.words_of("wrong questions")
        unfit = {"number": {words("wrong type"): 1}, "code": [words("wrong type")]}
        literal = f'status(number: "{words("literal")}", code: "{words("literal")}") {{ {words("no field")} }}'
        for body in (
            {"query": published("Status"), "variables": unfit},
            {"query": f"{{ {literal} }}"},
            {"query": f"{{ {words('syntax error')}"},
            {"query": f'query {{ node(id: "{words("node id")}") {{ id }} }}'},
            {"query": f"{ME['query']} # {words('remark', 'georgian')}"},
            {**ME, "operationName": words("operation")},
            {**ME, "extensions": {words("extension"): words("extension")}},
            {**ME, "variables": words("variables")},
            {"documentId": words("document id")},
            {words("member"): words("value")},
        ):
            self.outside.raw("POST", "/graphql", json=body)

    def wrong_bodies(self):
        """Bodies that are no JSON, or none that is taken."""
        raw, words = self.outside.raw, self.told.words_of("wrong bodies")
        for content in (
            f'{{"query": "{words("cut off")}'.encode(),
            b"[" * 3000 + words("deep").encode(),
            f'{{"{words("member")}": 1, "a": 1, "a": {words("twice")}}}'.encode(),
            b"\xed\xa0\x80" + words("lone surrogate").encode(),
            b"\xff" + words("no UTF-8").encode(),
            json.dumps({"query": words("too large") * 40_000}).encode(),
        ):
            assert raw("POST", "/graphql", content=content, headers=JSON).status_code in (400, 413)
        raw("POST", "/graphql", data={"query": words("a form")})
        raw("POST", "/graphql", content=b"x", headers={"Content-Type": f"text/{words('media type')}"})

    def wrong_cursors(self):
        """Members of staff who mistype what is no text to keep."""
        refused, words = self.outside.refused, self.told.words_of("wrong cursors")
        for query, account in (("OfficerCases", CHIEF), ("Suspense", "cashier"), ("RefundsDue", "cashier")):
            assert refused(query, account=account, first=5, after=words("cursor")) == "LINK_REFUSED"
        assert not refused("Assign", account=CHIEF, input={"case": words("no UUID"), "officer": words("officer")})
        assert not refused("StartReview", account=OFFICER, input={"case": words("no UUID")})
        assert refused("CaseEvents", account=AUDITOR, number=words("number")) == "NUMBER_UNKNOWN"

    def wrong_addresses(self):
        """Paths, queries, methods, the bank's door, and what is no HTTP."""
        raw, words = self.outside.raw, self.told.words_of("wrong addresses")
        for method in ("GET", "PUT", "DELETE", "POST"):
            path = f"/{words('path')}/{words('path', 'georgian')}"
            raw(method, f"{path}?{words('query')}={words('query', 'georgian')}")
        raw("GET", "/graphql", params={"query": f'{{ status(number: "{words("query of a GET")}") }}'})
        raw("GET", f"/documents/{words('path')}")
        raw("POST", f"/documents/{words('no UUID')}/{uuid4()}")
        raw("DELETE", f"/uploads/{words('no UUID')}")
        raw("GET", f"/bank/return?order={words('order')}&{words('query')}=1")
        for path in ("/bank/callback", "/bank/credit-notices"):
            body = {"order_id": words("order"), "payer": words("payer", "georgian")}
            raw("POST", path, json=body, headers={"X-Bank-Signature": f"t=1,v1={words('signature')}"})
        for line in (
            f"GET /{words('path')} HTTP/9.9",
            f"{words('method')} / HTTP/1.1",
            f"GET / HTTP/1.1\r\nBad Header {words('header')}: x",
            f"GET / HTTP/1.1\r\nA: \0{words('header')}",
        ):
            self._say(line)

    def wrong_files(self):
        """What is uploaded and refused."""
        raw, words = self.outside.raw, self.told.words_of("wrong files")
        draft = self.outside.ask("OpenDraft", input={"bearer": True})["token"]
        header = {"Authorization": f"Bearer {draft}"}
        whole = photograph(55, words)
        for kind, content in (
            ("PHOTOGRAPH", whole[: len(whole) // 2]),
            ("IDENTITY", acting(words)),
            ("IDENTITY", f"%PDF-1.7 {words('damaged PDF')}".encode()),
            ("OTHER", f"{words('plain text')} {words('plain text', 'georgian')}".encode()),
            (words("kind"), b"x"),
        ):
            assert raw("POST", f"/uploads?kind={kind}", content=content, headers=header).status_code >= 400
        boundary = words("boundary")
        broken = f'--{boundary}\r\nContent-Disposition: form-data; name="{words("field")}"\r\n\r\n{words("cut")}'
        typed = {**header, "Content-Type": f"multipart/form-data; boundary={boundary}"}
        assert raw("POST", "/uploads", content=broken.encode(), headers=typed).status_code == 400
        file = (f"{words('name of a file')}/../../x", b"x", words("media type"))
        form = {"data": {"kind": "OTHER"}, "files": {"file": file}}
        assert raw("POST", "/uploads", headers=header, **form).status_code >= 400

    def wrong_lines(self, one):
        """At the bar's signalling point."""
        words = self.told.words_of("wrong lines")
        bar = f"{self.outside.url.replace('http', 'ws', 1)}/videobar/calls"
        said = (json.dumps({"ticket": words("ticket")}), words("no JSON"), json.dumps({words("member"): 1}))
        for first, call in itertools.product(said, (one.call, words("no UUID"))):
            with suppress(WebSocketException), connect(f"{bar}/{call}", open_timeout=5) as line:
                line.send(first)
                line.recv(timeout=10)
        with connect(f"{bar}/{one.call}", open_timeout=5) as line:
            line.close(1000, words("reason to close"))

    def while_everything_fails(self, one, spoil):
        """Ask everything once more after ``spoil()``; how often the office failed, which it logs."""
        words = self.told.words_of("failures")
        bearer = {"Authorization": f"Bearer {one.draft}"}
        status = {"number": one.number, "code": one.code, "atLeast": words("position")}
        filed = {"input": {"form": one.form, "documents": [], "consents": []}}
        callback = f"/sign-in/callback?state={words('state')}&code={words('code')}"
        link = httpx.URL(one.page).path
        spoil()
        answers = [
            self.outside.send(method, path, **request)
            for method, path, request in (
                ("POST", "/graphql", {"json": {"query": published("Status"), "variables": status}}),
                (
                    "POST",
                    "/graphql",
                    {"json": {"query": published("RegisterApplication"), "variables": filed}, "headers": bearer},
                ),
                ("GET", link, {}),
                ("GET", f"/bank/return?order={uuid4()}&{words('query')}=1", {}),
                ("GET", f"/sign-in?return=/{words('path')}", {}),
                ("GET", callback, {"headers": {"Cookie": f"__Host-sign-in={words('cookie')}"}}),
                ("POST", "/documents", {"json": {"ticket": link.rsplit("/", 1)[1]}}),
                ("POST", "/uploads?kind=OTHER", {"content": words("file").encode(), "headers": bearer}),
            )
        ]
        return sum(answer.status_code >= 500 for answer in answers)

    def _say(self, line):
        url = httpx.URL(self.outside.url)
        with socket.create_connection((url.host, url.port), timeout=10) as connection, suppress(OSError):
            connection.sendall(line.encode() + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
            connection.recv(100)
