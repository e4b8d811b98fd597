"""Registrations of taxpayers, awaiting activation or active: made beside the service, because others are measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import count
from uuid import UUID, uuid4

from domain.language import Language
from domain.number import group_code, group_number
from domain.people import Actor, Role, system
from domain.taxpayer.form import Form
from domain.taxpayer.password import NewPassword
from domain.taxpayer.registration import Registration
from sarkmeli.house import House

PASSWORD = "Vashli7-mtsvane"
_numbers = count(99_000_000_001)


@dataclass(frozen=True)
class Filed:
    """A registration, and what whoever filed it knows."""

    registration: UUID
    username: str
    password: str
    identification: str
    number: str
    code: str
    email: str


def filed(house: House, *, password: str = PASSWORD, identification: str | None = None) -> Filed:
    """A registration that awaits activation."""
    identification = identification or str(next(_numbers))
    name = f"taxpayer-{uuid4().hex[:12]}"
    email, mobile = f"{name}@example.org", f"+9955{identification[-8:]}"
    opened = house.drafts.open(str(ip_address(0x0A000000 + int(identification[-7:]))))
    house.drafts.confirm_email(opened.id, email)
    house.drafts.confirm_mobile(opened.id, mobile)
    receipt = house.taxpayer.register(
        house.office.act(Actor(str(opened.id), Role.APPLICANT), "registerTaxpayer"),
        draft=opened.id,
        subject=opened.subject,
        form=Form(name, identification, mobile, email, Language.KA),
        password=NewPassword(password, password),
        consents=(),
    )
    case = receipt.stream
    number = group_number(str(house.office.load(Registration, case).number))
    code = group_code(house.taxpayer.code_of(case))
    return Filed(case, name, password, identification, number, code, email)


def by_link(house: House, one: Filed, password: str) -> UUID:
    """The registry's address opens a link and sets this password: activates, or resets. The command that did."""
    house.taxpayer.send_link(house.office.act(system("links"), "sendLink"), case=one.registration, to=one.email)
    act = house.office.act(Actor(str(one.registration), Role.ADDRESSEE), "activateByLink")
    house.taxpayer.open_link(act, case=one.registration, password=NewPassword(password, password))
    return act.command


def active(house: House, *, password: str = PASSWORD) -> Filed:
    """An account, activated by the link, with the code that is in force since."""
    one = filed(house, password=password)
    by_link(house, one, password)
    return replace(one, code=group_code(house.taxpayer.code_of(one.registration)))
