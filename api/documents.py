"""The documents that the office publishes: ``web/operations/*.graphql``, known by the SHA-256 of their text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

FOLDER: Final = Path(__file__).parent.parent / "web" / "operations"


@dataclass(frozen=True)
class Operation:
    """One published document: its file's name without ending, its text, its id."""

    name: str
    text: str

    @property
    def id(self) -> str:
        return f"sha256:{hashlib.sha256(self.text.encode()).hexdigest()}"


class TrustedDocuments:
    """In production the only documents that anonymous and cookie clients may run; a sample collection elsewhere."""

    def __init__(self, operations: tuple[Operation, ...]) -> None:
        self.operations = operations
        self._by_id = {operation.id: operation.text for operation in operations}
        self._texts = frozenset(operation.text.strip() for operation in operations)

    @classmethod
    def read(cls, folder: Path = FOLDER) -> Self:
        """Every document of the folder, in the order of their names."""
        files = sorted(folder.glob("*.graphql"))
        return cls(tuple(Operation(file.stem, file.read_text(encoding="utf-8")) for file in files))

    def by_id(self, name: str) -> str | None:
        """The document's text."""
        return self._by_id.get(name)

    def holds(self, text: str) -> bool:
        """Whether this very text is published."""
        return text.strip() in self._texts
