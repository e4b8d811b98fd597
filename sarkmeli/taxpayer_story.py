"""One taxpayer's whole story in named steps, told from outside: registered, activated at the video bar, signed in."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sarkmeli.outside import Refused
from sarkmeli.telling import Step, Telling, six_digits, wait_at_the_bar

CONSULTANT: Final = "consultant-video"
"""The sandbox's account of a consultant who sits at the video bar and at no service centre."""

FIRST: Final = "Tbilisi-1846"
SECOND: Final = "Batumi-1907"
"""The password of the form, and the one that it is changed to."""

CONSENTS: Final = [
    {"kind": kind, "version": "v1", "language": "KA"} for kind in ("OBLIGATIONS_BY_SMS", "MESSAGES_BY_EMAIL")
]
"""The form's two boxes, both ticked."""


def _digits(count: int) -> str:
    return f"{secrets.randbelow(10**count):0{count}d}"


@dataclass
class TaxpayerStory(Telling):
    """Somebody whom the sandbox's registries make up from their number registers for e-services."""

    personal_number: str = field(default_factory=lambda: f"99{_digits(9)}")
    mobile: str = field(default_factory=lambda: f"59{_digits(7)}")
    username: str = field(default_factory=lambda: f"gadamkhdeli-{secrets.token_hex(4)}")
    _registered: Mapping[str, Any] = field(default_factory=dict[str, Any])
    _session: str = ""
    _changed: str | None = None

    @property
    def email(self) -> str:
        """Of the form; the registry holds another."""
        return f"{self.username}@example.com"

    def steps(self) -> list[Step]:
        """The story in order."""
        return [
            Step("a draft is opened", self.open_draft),
            Step("the mobile is confirmed", self.confirm_mobile),
            Step("the address is confirmed", self.confirm_email),
            Step("the form is filed", self.register),
            Step("number and code arrive by mail", self.read_filed),
            Step("the registration is looked up", self.look_up),
            Step("nobody signs in before it is activated", self.sign_in_too_early),
            Step("the taxpayer enters the bar", self.enter_bar),
            Step("the consultant calls the next taxpayer", self.claim),
            Step("both sides meet", self.connect),
            Step("the consultant compares", self.compare),
            Step("the caller reads out a code", self.read_out),
            Step("the consultant activates", self.verify),
            Step("the office says that it is active", self.read_activated),
            Step("the taxpayer signs in", self.sign_in),
            Step("the taxpayer changes the password", self.change_password),
            Step("the change is announced by mail", self.read_changed),
            Step("the old password opens nothing", self.sign_in_with_the_old),
            Step("the auditor reads the history", self.read_history),
        ]

    def confirm_mobile(self) -> str:
        self.outside.ask("RequestMobileCode", draft=self._draft, input={"mobile": self.mobile})
        code = six_digits(self.outside.texted(self._e164)["text"])
        self.outside.ask("ConfirmMobile", draft=self._draft, input={"mobile": self.mobile, "code": code})
        return f"{self.mobile} is confirmed by the code that came there by SMS."

    def confirm_email(self) -> str:
        self._email_confirmed(self.email)
        return f"{self.email} is confirmed by the code that was mailed there."

    def register(self) -> str:
        self._registered = self.outside.ask(
            "RegisterTaxpayer", draft=self._draft, input=self._input("register", form=self.form(), consents=CONSENTS)
        )
        self.case = self._registered["case"]
        ways = ", ".join(way["route"] for way in self._registered["ways"])
        return f"Registered. Until {self._registered['activationUntil']} it may be activated: {ways}."

    def read_filed(self) -> str:
        mail = self.outside.mail(self.email, "registration_filed")
        self._keep_number_and_code(mail)
        return f"Mail: “{mail['subject']}”. Number {self.number}; the code opens the case and gives no power."

    def look_up(self) -> str:
        told = self._status(self._registered["token"])
        return f"By number and code: {told['registrationState']} as {told['form']['username']}."

    def sign_in_too_early(self) -> str:
        return f"Username and password open nothing yet: {self._refused_sign_in(FIRST)}."

    def enter_bar(self) -> str:
        known = self.outside.person(self.personal_number)
        declared = {
            "firstName": known["first_name"]["ka"],
            "surname": known["surname"]["ka"],
            "personalNumber": self.personal_number,
            "mobile": self.mobile,
        }
        asked = self._held("enter", consent="v1", consentLanguage="KA", camera=True, microphone=True, declared=declared)
        entered = self.outside.ask("EnterBar", input=asked)
        self._call, self._ticket = entered["call"], entered["ticket"]
        return wait_at_the_bar(entered)

    def claim(self) -> str:
        self._claimed_by(CONSULTANT)
        return "The consultant got the call that waited longest."

    def connect(self) -> str:
        self._met_by(CONSULTANT)
        return "Both sides are on the line, and the ledger says so."

    def compare(self) -> str:
        seen = self._with_registry(CONSULTANT)
        check = {"source": "CIVIL_REGISTRY", "verdict": "MATCHES"}
        names = ("surname", "firstName", "documentValidity", "citizenship", "picture")
        self._as(
            CONSULTANT,
            "RecordChecks",
            "checks",
            call=self._call,
            checks={**dict.fromkeys(names, check), "visualContact": True},
            will="I want to use the e-services.",
        )
        record: Mapping[str, str] = seen["registry"]
        return f"The civil registry's {record['firstName']} {record['surname']} is who is on the line, and has filed."

    def read_out(self) -> str:
        """A code that was used up by a command nobody answered is replaced by another, as a consultant would do."""
        self._when("CALLER_NOT_BOUND", self._clarified)
        return "The code that came to the confirmed mobile was read out: who is on the line is who filed the form."

    def _clarified(self) -> dict[str, Any]:
        newest = self.outside.texted(self._e164)["id"]
        self.outside.ask("SendReadOutCode", account=CONSULTANT, input={"call": self._call, "kept": self.case})
        code = six_digits(self.outside.texted(self._e164, after=newest)["text"])
        return self._as(CONSULTANT, "ClarifyUsername", "clarify", call=self._call, kept=self.case, code=code)

    def verify(self) -> str:
        self._as(CONSULTANT, "Verify", "verify", call=self._call)
        return f"Verified: {self.username} is active."

    def read_activated(self) -> str:
        return f"Mail: “{self.outside.mail(self.email, 'activated')['subject']}”."

    def sign_in(self) -> str:
        self._session = self._signed_in(FIRST)
        told = self._account()
        return f"Signed in as {told['username']}."

    def change_password(self) -> str:
        passwords = {"currentPassword": FIRST, "password": SECOND, "repeatedPassword": SECOND}
        asked = self._input("change", bearer=True, **passwords)
        try:
            renewed = self.outside.ask("ChangePassword", draft=self._session, input=asked)
            self._session, self._changed = renewed["session"], renewed["token"]
        except Refused as refused:
            if refused.code != "ACCOUNT_REQUIRED":
                raise
            self._session = self._signed_in(SECOND)  # it was done and the answer lost: that session is over
        return "Changed; every other session is over."

    def read_changed(self) -> str:
        return f"Mail: “{self.outside.mail(self.email, 'password_changed')['subject']}”."

    def sign_in_with_the_old(self) -> str:
        refused = self._refused_sign_in(FIRST)
        self._session = self._signed_in(SECOND)
        told = self._status(self._changed)
        self.status, self.outcome = told["registrationState"], f"BY_{told['activatedBy']}"
        return f"The old one: {refused}, as for whoever has no account. The new one signs in."

    def _signed_in(self, password: str) -> str:
        asked = {"username": self.username, "password": password, "bearer": True}
        return self.outside.ask("SignIn", input=asked)["session"]

    def _refused_sign_in(self, password: str) -> str:
        """The code with which this is refused, as it must be."""
        try:
            self._signed_in(password)
        except Refused as refused:
            return refused.code
        raise AssertionError("signed in with what should open nothing")

    def _account(self) -> dict[str, Any]:
        return self.outside.ask("Account", draft=self._session)

    @property
    def _e164(self) -> str:
        return f"+995{self.mobile}"

    def form(self) -> dict[str, Any]:
        """The registration form."""
        return {
            "username": self.username,
            "identification": self.personal_number,
            "password": FIRST,
            "repeatedPassword": FIRST,
            "mobile": self.mobile,
            "email": self.email,
            "language": self.language,
        }
