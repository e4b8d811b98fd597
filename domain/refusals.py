"""The base of every refusal: a broken rule, named, with a stable code and its facts."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, ClassVar

REFUSALS: dict[str, type[Refusal]] = {}
"""Every refusal class by code. `texts/` holds a sentence for each; the API maps each to a GraphQL type."""


class Refusal(Exception):
    """The office declines: no fault of the program, nothing was stored, the person is told what to do.

    Declare a subclass beside the rule, as ``@dataclass(eq=False)`` with its facts as fields and a ``code`` in upper
    snake case that never changes meaning. The sentence shown stands in ``texts/<language>/refusals/<package>.toml``
    under that code and may name the facts.
    """

    code: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        code = cls.__dict__.get("code")
        if code is None:
            raise TypeError(f"{cls.__qualname__} declares no code")
        known = REFUSALS.setdefault(code, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"refusal code {code} is taken by {known.__qualname__}")
        REFUSALS[code] = cls

    def facts(self) -> dict[str, Any]:
        """The refusal's facts by name, for its sentence and its GraphQL face."""
        if not is_dataclass(self):
            return {}
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.facts().items())
        return f"{self.code}({told})"
