"""Erasing a person's data: on what ground of the law, and what every service refuses from then on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.refusals import Refusal


class LegalGround(StrEnum):
    """Why personal data are erased. A closed list, so that no free text about a person outlives the person's data.

    Source: Law of Georgia on Personal Data Protection, 14 June 2023, No 3144-XIმს-Xმპ; the article of each stands in
    `ARTICLE`.
    """

    DATA_SUBJECT_REQUEST = "DATA_SUBJECT_REQUEST"
    """The person asked that processing end and the data be erased."""
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    """The person took back the consent on which the data were kept."""
    RETENTION_OVER = "RETENTION_OVER"
    """The purpose is reached, and no law asks that the data be kept any longer."""
    COMPLAINT_UPHELD = "COMPLAINT_UPHELD"
    """The supervisory authority, a court or the superior body so decided upon a complaint."""


ARTICLE: Final = {
    LegalGround.DATA_SUBJECT_REQUEST: "16",
    LegalGround.CONSENT_WITHDRAWN: "20",
    LegalGround.RETENTION_OVER: "4(1)(e)",
    LegalGround.COMPLAINT_UPHELD: "22",
}
"""The article of the law that each ground stands on."""


@dataclass(eq=False)
class ErasureUnderWay(Refusal):
    """The personal data of this case are being erased; nothing else is done in it."""

    code = "ERASURE_UNDER_WAY"


@dataclass(eq=False)
class PersonalDataGone(Refusal):
    """The personal data were erased: there is nobody any more about whom anything could be said."""

    code = "PERSONAL_DATA_GONE"


@dataclass(eq=False)
class ErasureNeedsAnother(Refusal):
    """Two different persons stand behind an erasure: who asked for it does not confirm it, by whatever account."""

    code = "ERASURE_NEEDS_ANOTHER"


def refuse_unless_two_persons(asked_by: str, confirmed_by: str) -> None:
    """Both are person claims and not accounts. Raises: ErasureNeedsAnother."""
    if asked_by == confirmed_by:
        raise ErasureNeedsAnother
