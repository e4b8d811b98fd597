"""What an event class declares: its facts, which of them are personal, and how older versions become the newest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, cached_property
from typing import Any, Final, NewType, TypeVar, get_args, get_type_hints

from domain.event import ERASED, PERSONAL, Erased
from ledger.codec import Json, Unstorable, learn, read, writer


class SealedMark:
    """Stands for a personal value that was not opened."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "SEALED"

    def __copy__(self) -> SealedMark:
        return self

    def __deepcopy__(self, _: Any) -> SealedMark:
        return self

    def __reduce__(self) -> str:
        return "SEALED"


SEALED: Final = SealedMark()
"""What a personal field of an event reads as until it is opened."""

KEPT_APART: Final = frozenset({"originator_id", "originator_version"})
"""Facts of every event that are columns of their own."""


@dataclass(frozen=True)
class Shape:
    """An event class as the ledger sees it. ``hints`` are its facts' declared types; ``personal`` names the sealed."""

    kind: type[Any]
    version: int
    hints: Mapping[str, Any]
    personal: frozenset[str]
    writers: Mapping[str, Callable[[Any], Json]]

    @cached_property
    def sealed_names(self) -> tuple[str, ...]:
        """The personal facts, in order."""
        return tuple(sorted(self.personal))

    @cached_property
    def plain_names(self) -> tuple[str, ...]:
        """The facts that are not personal, in order."""
        return tuple(sorted(self.hints.keys() - self.personal))

    def write(self, event: object, names: Iterable[str]) -> dict[str, Json]:
        """The named facts of ``event`` as JSON. Raises: Unstorable."""
        facts = vars(event)
        written: dict[str, Json] = {}
        for name in names:
            try:
                written[name] = self.writers[name](facts[name])
            except Unstorable as error:
                raise Unstorable(f"{self.kind.__qualname__}.{name}: {error}") from None
        return written

    def read(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The typed facts in ``state``; marks of what is sealed or erased stay. Raises: Unstorable."""
        facts: dict[str, Any] = {}
        for name, stored in state.items():
            if name not in self.hints:
                raise Unstorable(f"{self.kind.__qualname__} declares no {name}")
            if isinstance(stored, (SealedMark, Erased)):
                facts[name] = stored
                continue
            try:
                facts[name] = read(stored, self.hints[name])
            except Unstorable as error:
                raise Unstorable(f"{self.kind.__qualname__}.{name}: {error}") from None
        return facts

    def upcast(self, state: MutableMapping[str, Any], version: int) -> None:
        """Turn the state of an older ``version`` into this one's, step by step. Raises: Unstorable."""
        if version > self.version:
            raise Unstorable(f"{self.kind.__qualname__} is known up to version {self.version}, found {version}")
        for step in range(version, self.version):
            getattr(self.kind, f"upcast_v{step}_v{step + 1}")(state)

    def erased(self) -> dict[str, Any]:
        """The personal facts of an event whose subject's key is gone."""
        return dict.fromkeys(self.personal, ERASED)


@cache
def shape_of(kind: type[Any]) -> Shape:
    """The shape of an event class. Raises: TypeError if it declares what the codec does not hold."""
    declared = get_type_hints(kind, include_extras=True)
    hints: dict[str, Any] = {}
    personal: set[str] = set()
    for field in fields(kind):
        if field.name in KEPT_APART:
            continue
        hint = declared[field.name]
        try:
            learn(hint)
        except TypeError as error:
            raise TypeError(f"{kind.__qualname__}.{field.name}: {error}") from None
        hints[field.name] = hint
        if is_personal(hint):
            personal.add(field.name)
    writers = {name: writer(hint) for name, hint in hints.items()}
    return Shape(kind, getattr(kind, "class_version", 1), hints, frozenset(personal), writers)


def is_personal(hint: Any) -> bool:
    """Whether `PERSONAL` stands anywhere in the declared type: around it, in a union or tuple, in a dataclass."""
    if PERSONAL in getattr(hint, "__metadata__", ()):
        return True
    if isinstance(hint, NewType):
        return is_personal(hint.__supertype__)
    if isinstance(hint, type) and is_dataclass(hint):
        return any(is_personal(inner) for inner in get_type_hints(hint, include_extras=True).values())
    return any(is_personal(inner) for inner in get_args(hint) if not isinstance(inner, TypeVar))
