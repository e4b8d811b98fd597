"""The one place where a refusal becomes its answer: a GraphQL type with its code, its sentence and its facts."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any, Final, Self

import strawberry

import api.shapes.enums as enums
import texts
from api.faces import adopt, faces_of, made, shown
from domain.faults import Fault, FaultCode
from domain.refusals import Refusal


@strawberry.interface(
    name="Refusal", description="The office declines; nothing was done. `code` never changes meaning."
)
class RefusalFace:
    code: str = strawberry.field(description="Stable, upper snake case.")
    message: str = strawberry.field(description="What the person is told, in the language of Accept-Language.")


@strawberry.type(
    description="A refusal that this operation's union does not list: newer than the schema that you read."
)
class Declined(RefusalFace):
    pass


@strawberry.type(name="Fault", description="One thing wrong with one field of a form.")
class FaultFace:
    field: str = strawberry.field(description="Its path as the input names it: `nameKa.first`, `citizenships[1]`.")
    code: FaultCode
    message: str

    @classmethod
    def of(cls, fault: Fault, language: str) -> Self:
        return cls(field=fault.field, code=fault.code, message=texts.form_fault(language, fault.code.value))


assert enums.NAMED
adopt(Fault, FaultFace, FaultFace.of)

_types: Final[dict[type[Refusal], type]] = {}


def refusal_type(kind: type[Refusal]) -> type:
    """The GraphQL type of a refusal class: named as it is, its facts as fields."""
    if kind not in _types:
        members = faces_of(kind) if is_dataclass(kind) else {}
        told = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
        description = None if told.startswith(f"{kind.__name__}(") else told or None
        _types[kind] = made(kind.__name__, members, description=description, bases=(RefusalFace,))
    return _types[kind]


def refusal_answer(refusal: Refusal, language: str, listed: tuple[type[Refusal], ...]) -> Any:
    """The answer that stands for ``refusal``: its own type where the operation lists it, `Declined` elsewhere."""
    message = sentence(refusal, language)
    kind = type(refusal)
    if kind not in listed:
        return Declined(code=kind.code, message=message)
    facts = {name: shown(fact, language) for name, fact in refusal.facts().items()}
    return refusal_type(kind)(code=kind.code, message=message, **facts)


def sentence(refusal: Refusal, language: str) -> str:
    """What the person is told, from ``texts/<language>/refusals/``."""
    return texts.say(language, "refusals", type(refusal).code, **refusal.facts())
