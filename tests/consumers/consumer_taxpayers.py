"""Taxpayers at the house: forms filed, links asked for, links opened, each as whoever would."""

import itertools
from dataclasses import dataclass

from domain.language import Language
from domain.people import Actor, Role
from domain.taxpayer.form import Form
from domain.taxpayer.password import NewPassword
from domain.taxpayer.registration import Registration

PASSWORD = NewPassword("Tbilisi-1846", "Tbilisi-1846")
CHANGED = NewPassword("Batumi-1907", "Batumi-1907")
NINO, GIORGI = "01008012345", "01024067891"
REGISTERED_EMAIL = {
    NINO: "nino.maisuradze@example.org",
    GIORGI: "giorgi.beridze@example.org",
    "01030033445": "ana.dvali@example.org",
    "54001022119": "zurab.nadiradze@example.org",
    "62007015151": "irakli.shonia@example.org",
    "42001020304": "salome.tsiklauri@example.org",
    "01011023781": "luka.kvaratskhelia@example.org",
    "01025011906": "akaki.tsereteli@example.org",
    "01026004437": "elene.orbeliani@example.org",
    "17001031125": "khatuna.mikadze@example.org",
}
"""Whom the sandbox's public registry knows, and where their mail goes."""

_filed = itertools.count(1)


@dataclass
class Taxpayers:
    """What a test does about registrations in the house ``at`` which it is."""

    at: object

    @property
    def house(self):
        return self.at.house

    def files(self, identification=NINO, email=None, username=None, language=Language.EN):
        """File a form whose mobile and address count as confirmed; the registration."""
        count = next(_filed)
        opened = self.house.drafts.open(f"198.52.{count >> 8}.{count & 255}")
        mobile, email = f"+9955{count:08}", email or f"filer{count}@example.org"
        self.house.drafts.confirm_email(opened.id, email)
        self.house.drafts.confirm_mobile(opened.id, mobile)
        form = Form(
            username=username or f"gadamkhdeli{count:03}",
            identification=identification,
            mobile=mobile,
            email=email,
            language=language,
        )
        act = self.at.office.act(Actor(str(opened.id), Role.APPLICANT), "register")
        return self.house.taxpayer.register(
            act, draft=opened.id, subject=opened.subject, form=form, password=PASSWORD, consents=()
        ).stream

    def registration(self, case):
        return self.at.office.load(Registration, case)

    def holds(self, case, command, **asked):
        """A command of whoever has number and code."""
        act = self.at.office.act(Actor(str(case), Role.HOLDER), command.__name__)
        return command(act, case=case, **asked)

    def asks_for_link(self, identification=NINO, address="198.51.100.7", language=Language.EN):
        self.house.link_requests.ask(identification, address, language)

    def opens(self, token, password=PASSWORD):
        """Whoever reads the mail opens the link and chooses a password."""
        case = self.house.link_tokens.find(token)
        act = self.at.office.act(Actor(str(case), Role.ADDRESSEE), "activateByLink")
        receipt = self.house.taxpayer.open_link(act, case=case, password=password)
        self.house.link_tokens.spend(token)
        return receipt.stream

    def changes_password(self, case):
        act = self.at.office.act(Actor(str(case), Role.TAXPAYER), "changePassword")
        shown = self.house.office.load(Registration, case).password_of
        return self.house.taxpayer.change_password(act, case=case, shown=shown, password=CHANGED)

    def story(self, case):
        """The registration's events after it was filed."""
        filed = ("Registered", "MobileConfirmed", "EmailConfirmed")
        return [name for name in self.at.events(case) if name not in filed]
