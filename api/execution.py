"""Running one GraphQL operation: its document made ready once, its variables read and its answer written by plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar, cast

import graphql
from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    parse,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from strawberry import Schema
from strawberry.execution.is_awaitable import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext, validate_document

from api import misfits
from api.limits import PARSING
from api.plans import Plans
from api.variables import Variables

T = TypeVar("T")

CACHED: Final = 256
"""Documents that are kept as they were made ready."""

_execute: Any = cast(Any, graphql).execute
_by_attribute: Any = cast(Any, graphql).default_field_resolver
_by_type: Any = cast(Any, graphql).default_type_resolver
_OfStrawberry: Any = StrawberryGraphQLCoreExecutionContext

ANSWERED: Final = frozenset({OperationType.QUERY, OperationType.MUTATION})


class NoSuchOperation(Exception):
    """The document holds no operation of this name, or none of a kind that is answered."""


@dataclass(frozen=True)
class Prepared:
    """A document parsed, measured and validated; with ``errors`` it is not run. ``operations`` in their order."""

    document: DocumentNode
    operations: tuple[OperationDefinitionNode, ...]
    errors: tuple[GraphQLError, ...]
    plans: Plans
    fragments: dict[str, FragmentDefinitionNode]
    variables: tuple[Variables, ...]
    """As ``operations``; none where there are errors."""

    def place(self, name: str | None) -> int:
        """The place of the operation of this name, without one the first. Raises: NoSuchOperation."""
        for place, each in enumerate(self.operations):
            if name is None or (each.name is not None and each.name.value == name):
                if each.operation not in ANSWERED:
                    break
                return place
        raise NoSuchOperation


class Execution:
    """Runs operations on one schema. ``rules``: what documents are validated by."""

    def __init__(self, schema: Schema, rules: tuple[Any, ...]) -> None:
        self._schema = schema._schema  # pyright: ignore[reportPrivateUsage] - it has no other name
        self._rules = rules
        self._prepared = lru_cache(CACHED)(self._prepare)

    async def run(
        self, text: str, variables: Mapping[str, Any] | None, operation_name: str | None, context: object
    ) -> ExecutionResult:
        """Run one operation of this document. An error without a path is the request's, or a bug outside of any field.

        Raises: NoSuchOperation.
        """
        try:
            prepared = self._prepared(text)
            place = prepared.place(operation_name)
            if prepared.errors:
                return ExecutionResult(None, list(prepared.errors))
            if operation_name is None and len(prepared.operations) > 1:
                return ExecutionResult(None, [GraphQLError("The operation is not named.", [*prepared.operations])])
            given = dict(variables or {})
            read = prepared.variables[place].of(given)
            if read is not None:
                answered = self._executor(prepared, place, read, context).execute_operation()
                return answered if isinstance(answered, ExecutionResult) else await answered
            answered = _execute(
                self._schema,
                prepared.document,
                context_value=context,
                variable_values=given,
                operation_name=operation_name,
                executor_class=Executor,
                is_awaitable=optimized_is_awaitable,
                plans=prepared.plans,
            )
            result = answered if isinstance(answered, ExecutionResult) else await answered
            if any(error.path is None for error in result.errors or ()):
                return ExecutionResult(None, misfits.of_variables(self._schema, prepared.operations[place], given))
            return result
        except NoSuchOperation:
            raise
        except GraphQLSyntaxError as error:
            return ExecutionResult(None, [misfits.of_syntax(error)])
        except GraphQLError as error:
            return ExecutionResult(None, [error])
        except Exception as error:  # noqa: BLE001 - the endpoint tells and logs it as the bug that it is
            return ExecutionResult(None, [GraphQLError(str(error), original_error=error)])

    def _prepare(self, text: str) -> Prepared:
        document = parse(text, **PARSING)
        operations = tuple(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
        errors = validate_document(self._schema, document, self._rules)
        fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
        variables = () if errors else tuple(Variables(self._schema, each) for each in operations)
        return Prepared(document, operations, tuple(errors), Plans(text), fragments, variables)

    def _executor(self, prepared: Prepared, place: int, variables: VariableValues, context: object) -> Any:
        """What graphql-core builds from the same document, whose variables it need not read."""
        return Executor(
            self._schema,
            prepared.fragments,
            {name: FragmentDetails(each) for name, each in prepared.fragments.items()},
            None,
            context,
            prepared.operations[place],
            variables,
            _by_attribute,
            _by_type,
            _by_attribute,
            is_awaitable=optimized_is_awaitable,
            plans=prepared.plans,
        )


class Executor(_OfStrawberry):
    """graphql-core's executor, which leaves the completion of a root field's value to a plan where there is one."""

    def __init__(self, *arguments: Any, plans: Plans, **options: Any) -> None:
        core: Any = super()
        core.__init__(*arguments, **options)
        self._plans = plans

    async def complete_awaitable_value(
        self,
        return_type: Any,
        field_details_list: list[FieldDetails],
        info: Any,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """By plan; without one, or where the value is not as planned, by graphql-core, which finds the errors too."""
        plan = None if path.prev is not None else self._plans.of(return_type, field_details_list, self._sub_fields)
        if plan is not None:
            try:
                value = await result
            except Exception as failed:  # noqa: BLE001 - the field's error, which graphql-core places
                self.handle_field_error(failed, return_type, field_details_list, path)
                return None
            try:
                return plan(value)
            except Exception:  # noqa: BLE001 - graphql-core does it over, or says what is wrong with the value
                result = _ready(value)
        core: Any = super()
        return await core.complete_awaitable_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def _sub_fields(self, type_: GraphQLObjectType, chosen: Any) -> dict[str, list[FieldDetails]]:
        return self.collect_subfields(type_, chosen)[0]


async def _ready(value: T) -> T:
    return value
