"""An applicant every field and file of whose is a canary, and what anybody with a case does."""

import re
from datetime import date, timedelta

from canaries import DIGITS, HERE
from canary_papers import letter, photograph, picture

from sarkmeli.story import OPERATOR


class Somebody:
    """One person with a draft and then a case. ``whose`` tells what every service asks from what another service does,
    where it is kept otherwise."""

    whose = ""

    def __init__(self, outside, name):
        self.outside, self.told = outside, outside.told
        self.name = name
        self.words = self.told.words_of(name)
        self.place = next(self.told.applicants)
        self.email = f"{self.words(f'{self.whose}local part')}@{self.words(f'{self.whose}domain')}.example"
        self.number = self.code = self.case = self.draft = ""
        self.call = self.ticket = ""

    def secret(self, kind, value):
        """Keep a value of this person's that must stand nowhere in clear."""
        self.told.secret(f"{self.name}: {self.whose}{kind}", value)

    def begin(self):
        """Open a draft."""
        self.draft = self.outside.ask("OpenDraft", input={"bearer": True})["token"]
        self.told.secret("draft secret", self.draft.partition(".")[2])

    def confirm(self):
        assert self.outside.ask("RequestEmailCode", draft=self.draft, input={"email": self.email})
        newest = [mail for mail in self.outside.mails(self.email) if "code" in mail["message_id"]][-1]
        code = self.one_time(newest)
        wrong = {"email": self.email, "code": self.words("wrong code of an address")}
        assert self.outside.refused("ConfirmEmail", draft=self.draft, input=wrong) == "ONE_TIME_CODE_WRONG"
        self.outside.ask("ConfirmEmail", draft=self.draft, input={"email": self.email, "code": code})

    def one_time(self, mail):
        code = re.search(r"\b[0-9]{6}\b", mail["text"])[0]
        self.told.codes.add(code)
        return code

    def read_number(self, mail):
        self.number = re.search(r"\b[0-9]{3} [0-9]{3} [0-9]{4}\b", mail["text"])[0]
        self.read_code(mail)

    def read_code(self, mail):
        self.code = re.search(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b", mail["text"])[0]
        for name, spelt, written in (("code", self.code, "-"), ("number", self.number, " ")):
            self.secret(f"{name} as it is mailed", spelt)
            self.secret(name, spelt.replace(written, ""))

    def held(self, **asked):
        return {"number": self.number, "code": self.code, **asked}

    def asks(self, operation, **asked):
        return self.outside.ask(operation, input=self.held(**asked))

    def status(self, at_least=None):
        return self.outside.ask("Status", number=self.number, code=self.code, atLeast=at_least)

    def meets(self, staff=OPERATOR):
        """The operator calls in, both lines meet and their programs say something to each other."""
        claimed = self.outside.when("NOBODY_WAITING", lambda: self.as_(staff, "ClaimNextCall"))
        assert claimed["call"] == self.call
        with (
            self.outside.at_the_bar(self.call, ticket=self.ticket) as applicant,
            self.outside.at_the_bar(self.call, account=staff) as operator,
        ):
            applicant.until("connected")
            operator.until("connected")
            applicant.say(type="offer", sdp=f"v=0 {self.words('session description')} {HERE}")
            assert HERE in operator.until("offer")["sdp"]
            operator.say(type="answer", sdp=self.words("answer to a session description", "georgian"))
            applicant.until("answer")

    def as_(self, account, operation, **asked):
        return self.outside.ask(operation, account=account, input=asked)


class Applicant(Somebody):
    """An applicant for the status of compatriot, every field of whose form is a canary."""

    def __init__(self, outside, name, *, personal_number=None, language="KA", channel="CARD"):
        super().__init__(outside, name)
        self.form = self._form(personal_number, language, channel)

    def files(self):
        """Registers the application and reads number and code from the mail."""
        self.begin()
        papers = [
            self.upload("PHOTOGRAPH", photograph(f"{self.place}, first", self.words), "image/jpeg"),
            self.upload("PHOTOGRAPH", picture(f"{self.place}, second", self.words), "image/png"),
            self.upload("IDENTITY", letter(self.words), "application/pdf"),
            self.upload("MOTIVATION_LETTER", letter(self.words, 2), "application/pdf"),
        ]
        self.confirm()
        asked = {"form": self.form, "documents": papers, "consents": [{"kind": "PERSONAL_DATA", "version": "v1"}]}
        registered = self.outside.ask("RegisterApplication", draft=self.draft, input=asked)
        self.case, self.page, self.cash = (registered[name] for name in ("case", "bankPage", "cashReference"))
        self.told.secret(f"{self.name}: cash reference", self.cash)
        mail = self.outside.mail(self.email, "registered")
        self.read_number(mail)
        for link in re.findall(r"/pay/(\S+)", mail["text"]):
            self.told.secret("link to pay in a mail", link)
        return self

    def upload(self, kind, content, media_type, draft=None):
        """As a browser's form does, the file's name a canary; the upload's id."""
        self.told.content(f"{self.name}: content of a file", content)
        form = {"file": (f"{self.words('name of a file', 'georgian')}.bin", content, media_type)}
        answer = self.outside.raw(
            "POST",
            "/uploads",
            data={"kind": kind},
            files=form,
            headers={"Authorization": f"Bearer {draft or self.draft}"},
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def enters_bar(self):
        entered = self.asks("EnterBar", consent="v1", camera=True, microphone=True)
        self.call, self.ticket = entered["call"], entered["ticket"]
        self.outside.ask("CallPlace", ticket=self.ticket)

    def _form(self, personal_number, language, channel):
        words, digits = self.words, f"{DIGITS}{self.place % 100:02}"
        abroad = personal_number is not None
        form = {
            "nameKa": {"first": words("first name", "georgian"), "last": words("surname", "georgian")},
            "nameLatin": {"first": words("first name in Latin"), "last": words("surname in Latin")},
            "birthDate": str(date(1910, 1, 1) + timedelta(days=67 * self.place % 14_000)),
            "sex": "FEMALE",
            "citizenships": ["GE"] if abroad else ["FR"],
            "personalNumber": personal_number,
            "document": {
                "kind": "PASSPORT", "number": f"ZV{DIGITS}8{self.place:03}", "issuer": "FR",
                "expires": str(date(2041, 1, 1) + timedelta(days=31 * self.place)),
            },
            "addressAbroad": {
                "country": "FR", "city": words("city"), "line": f"{words('street')} {digits}",
                "postcode": f"ZV {DIGITS}7{self.place:03}",
            },
            "email": self.email,
            "telephone": f"+33{digits}" if self.place < 100 else f"+33670{self.place:06}",
            "grounds": {"citizenAbroad": abroad, "origin": not abroad},
            "tier": "STANDARD",
            "language": language,
            "channel": channel,
        }  # fmt: skip
        for name, value in (
            ("birth date", form["birthDate"]),
            ("document number", form["document"]["number"]),
            ("expiry of a document", form["document"]["expires"]),
            ("postcode", form["addressAbroad"]["postcode"]),
            ("telephone", form["telephone"]),
            ("personal number", personal_number or ""),
        ):
            self.told.secret(f"{self.name}: {name}", value)
        return form
