"""What a password must be. It passes through here and is kept nowhere: its hash is the housekeeping's."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from domain.faults import Fault, FaultCode
from domain.taxpayer.folding import folded
from domain.taxpayer.refusals import PasswordUnchanged

SHORTEST: Final = 7
"""Source: the registration form, "პაროლი (6 სიმბოლოზე მეტი)": more than six."""
LONGEST: Final = 128
"""Characters; a longer one makes the hash a weapon and nobody safer. Source: NIST SP 800-63B, 5.1.1.2, at least 64."""


@dataclass(frozen=True)
class NewPassword:
    """A password as it was typed, twice. Its representation shows neither."""

    password: str = field(repr=False)
    repeated: str = field(repr=False)

    @property
    def text(self) -> str:
        """What is hashed: NFKC, so that the same keys give the same password on every keyboard. Source: as above."""
        return unicodedata.normalize("NFKC", self.password)


def typed_text(password: str) -> str:
    """What is compared when a password is shown: as `NewPassword.text`, and never longer than any that was set.

    Of one that is longer still, which therefore is wrong, only so much is looked at.
    """
    return unicodedata.normalize("NFKC", password[: 4 * LONGEST])[: LONGEST + 1]


def refuse_unless_changed(typed: NewPassword, *, shown: str) -> None:
    """Compare a new password with the one in force, as it was ``shown`` and found right; both as they are hashed.

    Raises: PasswordUnchanged.
    """
    if typed.text == typed_text(shown):
        raise PasswordUnchanged


def password_faults(typed: NewPassword, username: str) -> Iterator[Fault]:
    """Everything wrong with a new password, at once.

    Source: the registration form: more than six characters; at least one digit, one capital and one small letter.
    Capital and small are Unicode's Lu and Ll, but for Georgian: Unicode calls Mkhedruli small since it has Mtavruli
    (version 11), yet no Georgian word has capitals, and nobody who reads the rule takes an "ა" for a small letter.
    """
    text = typed.text
    categories = {unicodedata.category(character) for character in text if not _is_georgian(character)}
    if not text:
        yield Fault("password", FaultCode.MISSING)
    else:
        if len(text) < SHORTEST:
            yield Fault("password", FaultCode.TOO_SHORT)
        if len(text) > LONGEST:
            yield Fault("password", FaultCode.TOO_LONG)
        if "Nd" not in categories:
            yield Fault("password", FaultCode.DIGIT_MISSING)
        if "Lu" not in categories:
            yield Fault("password", FaultCode.CAPITAL_MISSING)
        if "Ll" not in categories:
            yield Fault("password", FaultCode.SMALL_LETTER_MISSING)
        if categories & {"Cc", "Cs", "Co", "Cn"}:
            yield Fault("password", FaultCode.FORBIDDEN_CHARACTERS)
        if is_common(text) or (username and folded(username) == folded(text)):
            yield Fault("password", FaultCode.TOO_COMMON)
    if typed.password != typed.repeated:
        yield Fault("repeatedPassword", FaultCode.NOT_REPEATED)


def _is_georgian(character: str) -> bool:
    return "\u10a0" <= character <= "\u10ff" or "\u1c90" <= character <= "\u1cbf"


def is_common(password: str) -> bool:
    """Whether attackers try it first, in whatever capitals. Source: the list of zxcvbn, 30,000 passwords of leaks."""
    return password.casefold() in _common()


@cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # 15 MB: for the process that asks, once it asks

    return frozenset(FREQUENCY_LISTS["passwords"])
