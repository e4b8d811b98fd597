"""The languages that the office speaks."""

from __future__ import annotations

from enum import StrEnum


class Language(StrEnum):
    """In which language something is shown or written. The values are the names of the folders in ``texts/``."""

    KA = "ka"
    EN = "en"
