"""One applicant's whole story in named steps, told from outside: the demo narrates it, the tests kill parts between."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from sarkmeli.outside import Away, NotAnswered, Outside, Refused

PAPERS = (
    ("PHOTOGRAPH", "photograph-1.jpg", "image/jpeg"),
    ("PHOTOGRAPH", "photograph-2.jpg", "image/jpeg"),
    ("IDENTITY", "passport.pdf", "application/pdf"),
    ("MOTIVATION_LETTER", "motivation-letter.pdf", "application/pdf"),
)
"""Kind, name among the sandbox's samples, media type."""

CARD = "4000000000000010"
"""The sandbox bank's card that is approved."""

OPERATOR, OFFICER, CHIEF, AUDITOR = "operator-1", "officer-1", "chief", "auditor"
"""The sandbox's accounts: three persons on one case, as the rule wants it, and a fourth who reads its history."""


@dataclass(frozen=True)
class Step:
    """A named step; ``do`` may be repeated and gives the sentence that tells of it."""

    name: str
    do: Callable[[], str]


@dataclass
class Story:
    """Nino Maisuradze lives in Lyon and asks for the status. ``language``: of her mails, KA or EN."""

    outside: Outside
    language: str = "EN"
    email: str = field(default_factory=lambda: f"nino.{secrets.token_hex(4)}@example.com")
    number: str = ""
    code: str = ""
    case: str = ""
    events: list[str] = field(default_factory=list[str])
    status: str = ""
    outcome: str = ""
    _ids: dict[str, UUID] = field(default_factory=dict[str, UUID])
    _draft: str = ""
    _uploads: dict[str, str] = field(default_factory=dict[str, str])
    _registered: Mapping[str, Any] = field(default_factory=dict[str, Any])
    _call: str = ""
    _ticket: str = ""

    def steps(self) -> list[Step]:
        """The story in order."""
        return [
            Step("a draft is opened", self.open_draft),
            Step("the papers are uploaded", self.upload_papers),
            Step("the address is confirmed", self.confirm_email),
            Step("the form is filed", self.register),
            Step("number and code arrive by mail", self.read_registered),
            Step("the case is looked up", self.look_up),
            Step("the fee is paid by card", self.pay),
            Step("the office says that it was paid", self.read_paid),
            Step("the applicant enters the bar", self.enter_bar),
            Step("the operator calls the next applicant", self.claim),
            Step("both sides meet", self.connect),
            Step("the operator compares", self.compare),
            Step("the operator verifies", self.verify),
            Step("the officer begins the review", self.start_review),
            Step("the officer asks for more", self.request_information),
            Step("the question arrives by mail", self.read_request),
            Step("the applicant answers", self.provide_information),
            Step("the officer prepares the conclusion", self.prepare_conclusion),
            Step("the chief decides", self.decide),
            Step("the decision is announced by mail", self.read_ready),
            Step("the applicant receives the decision", self.receive),
            Step("the auditor reads the history", self.read_history),
        ]

    def open_draft(self) -> str:
        if not self._draft:
            self._draft = self.outside.ask("OpenDraft", input=self._input("draft", bearer=True))["token"]
        return "A draft is open for a day; its secret stays with the applicant."

    def upload_papers(self) -> str:
        for kind, name, media_type in PAPERS:
            if name not in self._uploads:
                self._uploads[name] = self.outside.upload(self._draft, kind, self.outside.sample(name), media_type)
        return "Two photographs, the passport and the letter are sealed as they come in."

    def confirm_email(self) -> str:
        self.outside.ask("RequestEmailCode", draft=self._draft, input={"email": self.email})
        newest = [mail for mail in self.outside.mails(self.email) if "code" in mail["message_id"]][-1]
        code = re.search(r"\b[0-9]{6}\b", newest["text"])
        assert code
        self.outside.ask("ConfirmEmail", draft=self._draft, input={"email": self.email, "code": code[0]})
        return f"{self.email} is confirmed by the code that was mailed there: a typo sends no number to a stranger."

    def register(self) -> str:
        self._registered = self.outside.ask(
            "RegisterApplication",
            draft=self._draft,
            input=self._input(
                "register",
                form=self.form(),
                documents=list(self._uploads.values()),
                consents=[{"kind": "PERSONAL_DATA", "version": "v1", "language": "KA"}],
            ),
        )
        self.case = self._registered["case"]
        fee = self._registered["fee"]
        return f"Registered. Fee: {fee['amount']} {fee['currency']}, by card or in cash by a reference of its own."

    def read_registered(self) -> str:
        mail = self.outside.mail(self.email, "registered")
        number = re.search(r"\b[0-9]{3} [0-9]{3} [0-9]{4}\b", mail["text"])
        code = re.search(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b", mail["text"])
        assert number
        assert code
        self.number, self.code = number[0], code[0]
        return f"Mail: “{mail['subject']}”. Number {self.number}; the code opens the case and stands nowhere else."

    def look_up(self) -> str:
        told = self._status(self._registered["token"])
        return f"By number and code: {told['state']}, missing {', '.join(told['missing'])} until {told['answerUntil']}."

    def pay(self) -> str:
        self.outside.pay_by_card(self._registered["bankPage"], CARD, "NINO MAISURADZE")
        return "Paid on the bank's own page. The office believes no callback: it asked the bank itself."

    def read_paid(self) -> str:
        return f"Mail: “{self.outside.mail(self.email, 'paid')['subject']}”."

    def enter_bar(self) -> str:
        entered = self.outside.ask(
            "EnterBar", input=self._held("enter", consent="v1", consentLanguage="KA", camera=True, microphone=True)
        )  # fmt: skip
        self._call, self._ticket = entered["call"], entered["ticket"]
        place = entered["place"]
        wait = "unknown" if place is None or place["expectedWaitSeconds"] is None else place["expectedWaitSeconds"]
        return f"In the queue; expected wait: {wait}."

    def claim(self) -> str:
        claimed = self._when("NOBODY_WAITING", lambda: self._as(OPERATOR, "ClaimNextCall", "claim"))
        if claimed["call"] != self._call:
            raise AssertionError("the operator was given another call; is somebody else at this bar?")
        return "The operator got the call that waited longest and could not have picked another."

    def connect(self) -> str:
        def meet() -> None:
            with (
                self.outside.at_the_bar(self._call, ticket=self._ticket) as applicant,
                self.outside.at_the_bar(self._call, account=OPERATOR) as operator,
            ):
                try:
                    applicant.until("connected")
                    operator.until("connected")
                except NotAnswered as silence:  # the side that we do not listen to may have been cut off
                    raise Away(str(silence)) from silence

        self.outside.patiently(meet)
        return "Both sides are on the line, and the ledger says so."

    def compare(self) -> str:
        seen = self.outside.patiently(self._with_registry)
        check = {"source": "CIVIL_REGISTRY", "verdict": "MATCHES"}
        names = ("surname", "firstName", "documentValidity", "citizenship", "picture")
        self._as(
            OPERATOR,
            "RecordChecks",
            "checks",
            call=self._call,
            checks={**dict.fromkeys(names, check), "visualContact": True},
            will="I ask for the status of compatriot living abroad.",
        )
        record: Mapping[str, str] = seen["registry"]
        return f"The civil registry's {record['firstName']} {record['surname']} is who is on the line."

    def _with_registry(self) -> dict[str, Any]:
        """The call beside the registry's record. An operator who sees none looks again: no check would pass."""
        seen = self.outside.ask("Call", account=OPERATOR, id=self._call)
        if seen["registry"] is None:
            raise Away("the civil registry does not answer")
        return seen

    def verify(self) -> str:
        self._as(OPERATOR, "Verify", "verify", call=self._call)
        return "Verified: payment and talk are both there, so the term starts."

    def start_review(self) -> str:
        self._as(OFFICER, "StartReview", "review", case=self.case)
        return "An officer, another person than the operator, begins the review."

    def request_information(self) -> str:
        self._as(OFFICER, "RequestInformation", "ask", case=self.case, text="Since when have you lived in Lyon?")
        return "The officer asks; the term stands still from today."

    def read_request(self) -> str:
        return f"Mail: “{self.outside.mail(self.email, 'information_requested')['subject']}”."

    def provide_information(self) -> str:
        self.outside.ask(
            "ProvideInformation", input=self._held("answer", text="Since 2009; I came to study and stayed.")
        )
        return "The applicant answers; the term goes on, longer by the days it stood still."

    def prepare_conclusion(self) -> str:
        text = "Ties with Georgia are shown; residence abroad is long."
        self._as(OFFICER, "PrepareConclusion", "conclude", case=self.case, text=text, recommends="GRANTED")
        return "The officer's conclusion recommends to grant."

    def decide(self) -> str:
        self._as(CHIEF, "Decide", "decide", case=self.case, outcome="GRANTED", reasons="The conditions are met.")
        return "The chief, a third person, decides."

    def read_ready(self) -> str:
        mail = self.outside.mail(self.email, "decision_ready")
        return f"Mail: “{mail['subject']}”, without a word of what was decided."

    def receive(self) -> str:
        received = self.outside.ask("ReceiveDecision", input=self._held("receive"))
        self.outcome = received["outcome"]
        paper = self.outside.download("/documents", ticket=received["document"])
        if not paper.startswith(b"%PDF-"):
            raise AssertionError("the decision is no PDF")
        self.status = self._status(received["token"])["state"]
        return f"{self.outcome}: a PDF of {len(paper) // 1024} KiB, handed over and recorded. Status: {self.status}."

    def read_history(self) -> str:
        told = self.outside.ask("CaseEvents", account=AUDITOR, number=self.number)
        self.events = [each["name"] for each in told["events"]]
        return f"{len(self.events)} events, and the auditor's reading is one more, elsewhere."

    def _status(self, at_least: str) -> dict[str, Any]:
        return self.outside.ask("Status", number=self.number, code=self.code, atLeast=at_least)

    def _when(self, code: str, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What ``ask`` gives, asked again while it is refused with ``code``: as a person would press again."""
        end = time.monotonic() + self.outside.patience
        while True:
            try:
                return ask()
            except Refused as refused:
                if refused.code != code or time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def _as(self, account: str, operation: str, command: str, **asked: Any) -> dict[str, Any]:
        return self.outside.ask(operation, account=account, input=self._input(command, **asked))

    def _held(self, command: str, **asked: Any) -> dict[str, Any]:
        return self._input(command, number=self.number, code=self.code, **asked)

    def _input(self, command: str, **asked: Any) -> dict[str, Any]:
        """An input with the command's id, which stays the same however often it is sent."""
        return {"commandId": str(self._ids.setdefault(command, uuid4())), **asked}

    def form(self) -> dict[str, Any]:
        """As the sandbox's civil registry knows her."""
        return {
            "nameKa": {"first": "ნინო", "last": "მაისურაძე"},
            "nameLatin": {"first": "Nino", "last": "Maisuradze"},
            "birthDate": "1988-03-14",
            "sex": "FEMALE",
            "citizenships": ["GE"],
            "personalNumber": "01008012345",
            "document": {"kind": "OTHER", "number": "18IC40211", "issuer": "GE", "expires": "2034-05-20"},
            "addressAbroad": {"country": "FR", "city": "Lyon", "line": "12 rue de la République", "postcode": "69001"},
            "email": self.email,
            "telephone": "+33472102030",
            "grounds": {"citizenAbroad": True},
            "tier": "STANDARD",
            "language": self.language,
            "channel": "CARD",
        }
