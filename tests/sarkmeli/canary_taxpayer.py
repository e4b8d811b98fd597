"""Taxpayers with a canary in each field of form, declaration and talk: activated by each way, and refused."""

import re
import secrets
import threading

from canary_applicant import Somebody

CONSULTANT = "consultant-video"
AT_A_CENTRE = "consultant"


class Taxpayer(Somebody):
    """A taxpayer, every field of whose form and declaration is a canary, or a number that nobody else has.

    ``legal``: a legal person, whose director calls. The registries of the sandbox make both up from their numbers.
    """

    whose = "taxpayer's "

    def __init__(self, outside, name, *, language="KA", legal=False):
        super().__init__(outside, name)
        self.language = language
        self.company = f"99{secrets.randbelow(10**7):07}" if legal else None
        self.person = f"99{self.company}" if legal else f"99{secrets.randbelow(10**9):09}"
        self.identification = self.company or self.person
        self.mobile = f"59{secrets.randbelow(10**7):07}"
        self.username = self.words("username")
        self.password = f"{self.words('password')}7"
        self.secret("identification", self.identification)
        if legal:
            self.secret("director", self.person)
        self.secret("mobile", f"+995{self.mobile}")
        self.told.typed |= {self.identification, self.person, self.mobile}

    def files(self):
        """Confirms mobile and address inside the form, and files it."""
        self.begin()
        self.confirm_mobile()
        self.confirm()
        assert self.outside.ask("UsernameFree", draft=self.draft, username=self.username)["free"]
        consents = [{"kind": kind, "version": "v1"} for kind in ("OBLIGATIONS_BY_SMS", "MESSAGES_BY_EMAIL")]
        asked = {"form": self.registration(), "consents": consents}
        self.case = self.outside.ask("RegisterTaxpayer", draft=self.draft, input=asked)["case"]
        self.read_number(self.outside.mail(self.email, "registration_filed"))
        return self

    def registration(self, **changed):
        return {
            "username": self.username,
            "identification": self.identification,
            "password": self.password,
            "repeatedPassword": self.password,
            "mobile": self.mobile,
            "email": self.email,
            "language": self.language,
            **changed,
        }

    def confirm_mobile(self):
        self.outside.ask("RequestMobileCode", draft=self.draft, input={"mobile": self.mobile})
        wrong = {"mobile": self.mobile, "code": self.words("wrong code of a mobile")}
        assert self.outside.refused("ConfirmMobile", draft=self.draft, input=wrong) == "ONE_TIME_CODE_WRONG"
        code = self.texted_code()
        self.outside.ask("ConfirmMobile", draft=self.draft, input={"mobile": self.mobile, "code": code})

    def texted_code(self, after=0):
        return self.one_time(self.outside.texted(f"+995{self.mobile}", after=after))

    def enters_bar(self):
        declared = {
            "firstName": self.words("declared first name", "georgian"),
            "surname": self.words("declared surname", "georgian"),
            "personalNumber": self.person,
            "mobile": self.mobile,
            "legalCode": self.company,
        }
        entered = self.asks("EnterBar", consent="v1", camera=True, microphone=True, declared=declared)
        self.call, self.ticket = entered["call"], entered["ticket"]
        self.outside.ask("CallPlace", ticket=self.ticket)

    def is_checked(self):
        """The consultant sees what the registries say, and says what is seen."""
        self.outside.ask("Call", account=CONSULTANT, id=self.call)
        check = {"source": "CIVIL_REGISTRY", "verdict": "MATCHES"}
        kinds = ("surname", "firstName", "documentValidity", "citizenship", "picture")
        checks = dict.fromkeys(kinds, check) | {"visualContact": True}
        will = f"{self.words('will')} {self.words('will', 'georgian')}"
        self.as_(CONSULTANT, "RecordChecks", call=self.call, checks=checks, will=will)

    def reads_out(self):
        newest = self.outside.texted(f"+995{self.mobile}")["id"]
        self.as_(CONSULTANT, "SendReadOutCode", call=self.call, kept=self.case)
        wrong = {"call": self.call, "kept": self.case, "code": self.words("wrong code read out")}
        assert self.outside.refused("ClarifyUsername", account=CONSULTANT, input=wrong) == "CALLER_NOT_BOUND"
        code = self.texted_code(after=newest)
        self.as_(CONSULTANT, "ClarifyUsername", call=self.call, kept=self.case, code=code)

    def signs_in(self, password=None):
        """As a program; the session's secret."""
        asked = {"username": self.username, "password": password or self.password, "bearer": True}
        session = self.outside.ask("SignIn", input=asked)["session"]
        self.told.secret("session of a taxpayer", session)
        return session

    def link(self, kind="activation_link"):
        """The token of the mail to the address that the registry holds."""
        self.outside.ask("SendActivationLink", input={"identification": self.identification})
        to = f"{self.identification}@taxpayers.example.org"
        mail = self.outside.mail(to, kind)
        token = re.search(r"/activate#(\S+)", mail["text"])[1]
        self.told.secret("token of a link", token)
        return token


class Registrations:
    """What happens to four taxpayers, and what is refused on the way."""

    bar = threading.Lock()
    """One consultant: whoever tells several stories at once lets one taxpayer into the bar after the other."""

    def __init__(self, outside, told):
        self.outside, self.told = outside, told

    def tell(self):
        one = self.activated_by_video()
        self.activated_by_link()
        self.refused()
        self.at_a_centre()
        return one

    def activated_by_video(self):
        outside, one = self.outside, Taxpayer(self.outside, "by video").files()
        early = {"username": one.username, "password": one.password}
        assert outside.refused("SignIn", input=early) == "WRONG_USERNAME_OR_PASSWORD"
        for mode in ("failing", "wrong", "ok"):
            outside.sandbox_told("/public-registry/behaviour", mode=mode)
        with self.bar:
            one.enters_bar()
            one.meets(CONSULTANT)
            one.is_checked()
            one.reads_out()
            one.as_(CONSULTANT, "Verify", call=one.call)
        outside.mail(one.email, "activated")
        session, words = one.signs_in(), one.words
        outside.ask("Account", draft=session)
        wrong = {"currentPassword": words("wrong password"), "password": f"{words('refused password')}7",
                 "repeatedPassword": f"{words('another password')}7"}  # fmt: skip
        outside.refused("ChangePassword", draft=session, input=wrong)
        changed = f"{words('changed password')}7"
        asked = {"currentPassword": one.password, "password": changed, "repeatedPassword": changed, "bearer": True}
        session = outside.ask("ChangePassword", draft=session, input=asked)["session"]
        self.told.secret("session of a taxpayer", session)
        outside.mail(one.email, "password_changed")
        outside.refused("SignIn", input={"username": words("nobody's username"), "password": words("any password")})
        outside.ask("SignOut", draft=session, input={})
        return one

    def activated_by_link(self):
        outside, one = self.outside, Taxpayer(self.outside, "by link", language="EN", legal=True).files()
        token, words = one.link(), one.words
        outside.ask("OpenActivationLink", token=token)
        for method in ("GET", "HEAD"):
            outside.raw(method, f"/activate?{words('query of a link')}")
        assert outside.refused("OpenActivationLink", token=words("token of a link")) == "LINK_NOT_SENT"
        password = f"{words('password by link')}7"
        asked = {"token": token, "password": password, "repeatedPassword": password}
        outside.ask("ActivateByLink", input=asked)
        one.signs_in(password)
        again = one.link("password_link")
        password = f"{words('password by another link')}7"
        outside.ask("ActivateByLink", input={"token": again, "password": password, "repeatedPassword": password})
        return one

    def refused(self, whose="refused at the bar"):
        """The director of a company is doubted, and the registration ends."""
        outside, one = self.outside, Taxpayer(self.outside, whose, legal=True).files()
        with self.bar:
            one.enters_bar()
            one.meets(CONSULTANT)
            one.is_checked()
            reasons = f"{one.words('reasons to refuse')} {one.words('reasons to refuse', 'georgian')}"
            one.as_(CONSULTANT, "RefuseReception", call=one.call, ground="IDENTITY_DOUBT", reasons=reasons)
        outside.mail(one.email, "activation_refused")
        one.status()
        return one

    def at_a_centre(self):
        outside, one = self.outside, Taxpayer(self.outside, "at a centre", language="EN").files()
        assert outside.refused("Centres", near=one.words("place to be near")) == "PLACE_UNKNOWN"
        outside.ask("Centres", near="თბილისი")
        one.asks("ReissueCode")
        one.read_code(outside.mail(one.email, "registration_code_reissued"))
        paper = one.outside.download("/documents/registration-form", number=one.number, code=one.code)
        self.told.content("registration form", paper)
        visit = {"caseNumber": one.number, "visitor": one.person, "formSigned": True, "documentSeen": True}
        outside.ask("RegistrationAtCentre", account=AT_A_CENTRE, number=one.number, visitor=one.person)
        one.as_(AT_A_CENTRE, "ActivateAtCentre", **visit)
        outside.mail(one.email, "activated")
        return one
