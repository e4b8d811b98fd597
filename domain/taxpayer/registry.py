"""What the office asks of the National Agency of Public Registry: the port that ``gateways`` implements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from domain.refusals import Refusal


@dataclass(eq=False)
class PublicRegistryUnavailable(Refusal):
    """The public registry did not answer in time, or not sensibly. Nobody is a representative by that."""

    code = "PUBLIC_REGISTRY_UNAVAILABLE"


@dataclass(frozen=True)
class Entry:
    """What the public registry holds of a taxpayer. Shown to the consultant during the call and never stored."""

    identification: str
    """A person's number (11 digits) or a legal person's code (9)."""
    name: str
    """As registered, in Georgian script."""
    representatives: tuple[str, ...]
    """Personal numbers of those who are registered to act for a legal person; one of another state has none and is
    not among them. Empty for a person."""
    email: str | None
    """The registered address, as `contacts.tidy_email` writes it; None if there is none that mail can reach."""
    struck_off: bool = False
    """A legal person that is no longer on the register, or a person who has died."""

    @property
    def may_act(self) -> tuple[str, ...]:
        """Personal numbers of those who may act for this legal person; nobody may for one that was struck off."""
        return () if self.struck_off else self.representatives


class PublicRegistry(Protocol):
    """The public registry: legal persons with their representatives, and everybody's registered e-mail."""

    def find(self, identification: str) -> Entry | None:
        """Who has this personal number or legal code, None if nobody has.

        Raises: PublicRegistryUnavailable; ValueError if ``identification`` is neither 11 nor 9 digits.
        """
        ...


def representatives(registry: PublicRegistry, code: str) -> tuple[str, ...] | None:
    """Personal numbers of those who may act for the legal person ``code``; None if the registry does not answer.

    Source: the procedure, "იურიდიული პირის სახელით დაკავშირების შემთხვევაში იურიდიული პირის საიდენტიფიკაციო ნომერი".
    """
    try:
        entry = registry.find(code)
    except PublicRegistryUnavailable:
        return None
    return entry.may_act if entry else ()
