"""When two usernames are the same: what a reader cannot tell apart, nobody may register apart.

The table is pinned: a name reserved under one version of it stays reserved under that version, and a new version is a
new kind of address beside the old. It maps what the allowed characters make confusable, and nothing else.

Source: Unicode Technical Standard 39, section 4 (skeletons), for the characters that `username` allows.
"""

from __future__ import annotations

import unicodedata
from typing import Final

FOLDING: Final = 1
"""The version of the table that new usernames are folded by."""

_ALONE: Final = str.maketrans({"0": "o", "1": "l", "i": "l", "_": "-"})
"""Capital I, small L and 1 are one stroke in many typefaces; casefold has made the capital small."""
_TOGETHER: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"))
"""Two letters that read as one."""


def folded(username: str) -> str:
    """The skeleton of ``username``: equal for two names that read alike. Folding twice changes nothing."""
    skeleton = unicodedata.normalize("NFC", unicodedata.normalize("NFC", username).casefold()).translate(_ALONE)
    for pair, one in _TOGETHER:
        skeleton = skeleton.replace(pair, one)
    return skeleton
