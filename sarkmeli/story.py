"""One applicant's whole story in named steps, told from outside: the demo narrates it, the tests kill parts between."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sarkmeli.telling import AUDITOR, Step, Telling, wait_at_the_bar

__all__ = ["AUDITOR", "CARD", "CHIEF", "OFFICER", "OPERATOR", "Story"]

PAPERS = (
    ("PHOTOGRAPH", "photograph-1.jpg", "image/jpeg"),
    ("PHOTOGRAPH", "photograph-2.jpg", "image/jpeg"),
    ("IDENTITY", "passport.pdf", "application/pdf"),
    ("MOTIVATION_LETTER", "motivation-letter.pdf", "application/pdf"),
)
"""Kind, name among the sandbox's samples, media type."""

CARD = "4000000000000010"
"""The sandbox bank's card that is approved."""

OPERATOR, OFFICER, CHIEF = "operator-1", "officer-1", "chief"
"""The sandbox's accounts: three persons on one case, as the rule wants it."""


@dataclass
class Story(Telling):
    """Nino Maisuradze lives in Lyon and asks for the status."""

    email: str = field(default_factory=lambda: f"nino.{secrets.token_hex(4)}@example.com")
    _uploads: dict[str, str] = field(default_factory=dict[str, str])
    _registered: Mapping[str, Any] = field(default_factory=dict[str, Any])

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

    def upload_papers(self) -> str:
        for kind, name, media_type in PAPERS:
            if name not in self._uploads:
                self._uploads[name] = self.outside.upload(self._draft, kind, self.outside.sample(name), media_type)
        return "Two photographs, the passport and the letter are sealed as they come in."

    def confirm_email(self) -> str:
        self._email_confirmed(self.email)
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
        self._keep_number_and_code(mail)
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
        return wait_at_the_bar(entered)

    def claim(self) -> str:
        self._claimed_by(OPERATOR)
        return "The operator got the call that waited longest and could not have picked another."

    def connect(self) -> str:
        self._met_by(OPERATOR)
        return "Both sides are on the line, and the ledger says so."

    def compare(self) -> str:
        seen = self._with_registry(OPERATOR)
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
