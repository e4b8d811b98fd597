"""The printed staff accounts. An account is what one signs in with; ``person`` is who one is, whatever the account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    name: str
    person: str
    full_name: str
    roles: tuple[str, ...]
    personal_number: str | None = None
    """A consultant's own: nobody activates their own registration."""
    centre: str | None = None
    """The service centre at which a consultant sits, by its id."""


ACCOUNTS: dict[str, Account] = {
    account.name: account
    for account in (
        Account("operator-1", "person-1001", "ნანა მელაძე", ("operator",)),
        Account("operator-2", "person-1002", "ბექა გიორგაძე", ("operator",)),
        Account("officer-1", "person-1003", "მაია ჩხეიძე", ("officer",)),
        Account("officer-2", "person-1004", "სანდრო კვირიკაშვილი", ("officer",)),
        Account("chief", "person-1005", "ნათია ბარამიძე", ("chief",)),
        Account("cashier", "person-1006", "ლია თოფურია", ("cashier",)),
        Account("auditor", "person-1007", "ოთარ ნიჟარაძე", ("auditor",)),
        Account("analyst", "person-1008", "ქეთი მესხი", ("analyst",)),
        Account("consultant", "person-1009", "რეზო ალავიძე", ("consultant",), "01019044321", "tbilisi"),
        Account("consultant-kutaisi", "person-1013", "მედეა კოპალეიშვილი", ("consultant",), "60001098812", "kutaisi"),
        Account("consultant-batumi", "person-1014", "თემურ ბოლქვაძე", ("consultant",), "61001055570", "batumi"),
        Account("consultant-video", "person-1015", "ეთერ საყვარელიძე", ("consultant",), "01027066129"),
        Account("data-protection-1", "person-1011", "ირმა ჯაფარიძე", ("data_protection",)),
        Account("data-protection-2", "person-1012", "გურამ ლორთქიფანიძე", ("data_protection",)),
        Account("lali-operator", "person-1010", "ლალი წერეთელი", ("operator",)),
        Account("lali-officer", "person-1010", "ლალი წერეთელი", ("officer", "chief")),
    )
}
"""The last two are one person with two accounts: she must not examine what she received."""
