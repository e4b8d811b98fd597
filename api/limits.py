"""How much one GraphQL document may ask: tokens, depth, cost and aliases, counted with every fragment measured once.

Strawberry 0.341.2's own limiters walk a fragment anew at each spread, so that 28 nested fragments double their time
28 times. Here a fragment is measured once and its measure added at each spread; numbers saturate far below overflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

from graphql import (
    ArgumentNode,
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
)

from api.strict_json import MAX_DIGITS, is_plain_text

MAX_SOURCE: Final = 20_000
"""Characters of one document."""
MAX_TOKENS: Final = 1_500
"""Tokens of one document; comments are bounded by its length."""
MAX_DEPTH: Final = 12
"""Fields within fields. Introspection is measured by its own rule (graphql-core's MaxIntrospectionDepthRule)."""
MAX_INTROSPECTION_DEPTH: Final = 20
MAX_COST: Final = 2_000
"""Fields that one operation may resolve, a connection's counted once for each row that it may bring."""
MAX_ALIASES: Final = 15
MAX_ROOT_FIELDS: Final = 10
"""Fields at the root of one operation: a document is not a batch."""
PAGE: Final = 20
"""Rows that a connection brings when ``first`` is not given."""
MAX_PAGE: Final = 50
"""Rows that a connection brings at most; also what a variable ``first`` counts as."""

_ENOUGH: Final = 10**9

PARSING: Final[dict[str, Any]] = {"max_lexical_tokens": MAX_TOKENS, "max_source_length": MAX_SOURCE}


@dataclass(frozen=True)
class Measure:
    """How deep, costly and aliased a selection is, its fragments included."""

    depth: int = 0
    cost: int = 0
    aliases: int = 0
    introspection: int = 0

    def beside(self, other: Measure) -> Self:
        """Both selections stand side by side."""
        return type(self)(
            max(self.depth, other.depth),
            min(_ENOUGH, self.cost + other.cost),
            min(_ENOUGH, self.aliases + other.aliases),
            max(self.introspection, other.introspection),
        )


class Limits(ASTValidationRule):
    """Refuses a document that asks too much, and literals that no column could hold."""

    def enter_document(self, node: DocumentNode, *_: Any) -> None:
        measuring = Measuring(
            {d.name.value: d for d in node.definitions if isinstance(d, FragmentDefinitionNode)},
        )
        for definition in node.definitions:
            if not isinstance(definition, OperationDefinitionNode):
                continue
            try:
                self._judge(
                    measuring.selection(definition.selection_set),
                    measuring.roots(definition.selection_set),
                    definition,
                )
            except RecursionError:
                self.report_error(GraphQLError("The operation is too deep.", definition))

    def _judge(self, measure: Measure, roots: int, operation: OperationDefinitionNode) -> None:
        if roots > MAX_ROOT_FIELDS:
            self.report_error(GraphQLError("The operation has too many root fields.", operation))
        if measure.depth > MAX_DEPTH or measure.introspection > MAX_INTROSPECTION_DEPTH:
            self.report_error(GraphQLError("The operation is too deep.", operation))
        if measure.cost > MAX_COST:
            self.report_error(GraphQLError("The operation costs too much.", operation))
        if measure.aliases > MAX_ALIASES:
            self.report_error(GraphQLError("The operation has too many aliases.", operation))

    def enter_string_value(self, node: StringValueNode, *_: Any) -> None:
        if not is_plain_text(node.value):
            self.report_error(GraphQLError("A text holds characters that cannot be stored.", node))

    def enter_int_value(self, node: IntValueNode, *_: Any) -> None:
        if len(node.value) > MAX_DIGITS:
            self.report_error(GraphQLError("A number has too many digits.", node))


class Measuring:
    """Measures selections; every fragment once. A fragment within itself counts nothing: another rule refuses it."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._measured: dict[str, Measure] = {}
        self._rooted: dict[str, int] = {}

    def selection(self, selected: SelectionSetNode | None) -> Measure:
        total = Measure()
        for node in selected.selections if selected else ():
            if isinstance(node, FieldNode):
                total = total.beside(self._field(node))
            elif isinstance(node, InlineFragmentNode):
                total = total.beside(self.selection(node.selection_set))
            elif isinstance(node, FragmentSpreadNode):
                total = total.beside(self._fragment(node.name.value))
        return total

    def roots(self, selected: SelectionSetNode | None) -> int:
        total = 0
        for node in selected.selections if selected else ():
            if isinstance(node, FieldNode):
                total += 1
            elif isinstance(node, InlineFragmentNode):
                total += self.roots(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):
                total += self._fragment_roots(node.name.value)
        return min(total, _ENOUGH)

    def _field(self, node: FieldNode) -> Measure:
        inner = self.selection(node.selection_set)
        aliases = inner.aliases + (1 if node.alias else 0)
        if node.name.value in {"__schema", "__type"}:
            return Measure(1, 1, aliases, inner.depth + 1)
        cost = min(_ENOUGH, 1 + inner.cost * _rows(node))
        return Measure(inner.depth + 1, cost, aliases, inner.introspection)

    def _fragment(self, name: str) -> Measure:
        if name not in self._measured:
            self._measured[name] = Measure()
            found = self._fragments.get(name)
            self._measured[name] = self.selection(found.selection_set) if found else Measure()
        return self._measured[name]

    def _fragment_roots(self, name: str) -> int:
        if name not in self._rooted:
            self._rooted[name] = 0
            found = self._fragments.get(name)
            self._rooted[name] = self.roots(found.selection_set) if found else 0
        return self._rooted[name]


def _rows(node: FieldNode) -> int:
    """How many rows the field may bring: what ``first`` or ``last`` says, the greatest page where a variable does."""
    for argument in node.arguments or ():
        if argument.name.value in {"first", "last"}:
            return _asked(argument)
    chosen = node.selection_set.selections if node.selection_set else ()
    return PAGE if any(isinstance(each, FieldNode) and each.name.value == "edges" for each in chosen) else 1


def _asked(argument: ArgumentNode) -> int:
    value = argument.value
    if isinstance(value, IntValueNode) and len(value.value) <= 4:
        return max(1, min(MAX_PAGE, int(value.value)))
    return MAX_PAGE
