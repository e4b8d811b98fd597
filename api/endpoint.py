"""``POST /graphql``: one operation a request, read strictly, measured before it runs, errors told without secrets."""

from __future__ import annotations

import asyncio
import json
import secrets
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import anyio
import structlog
from graphql import (
    ExecutionResult,
    GraphQLError,
    MaxIntrospectionDepthRule,
    NoSchemaIntrospectionCustomRule,
    ValuesOfCorrectTypeRule,
    specified_rules,
)
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from strawberry import Schema
from strawberry.extensions import SchemaExtension

from api.answers import PASSING, Unanswered
from api.context import Context
from api.declined import SignInAway
from api.documents import TrustedDocuments
from api.execution import Execution, NoSuchOperation
from api.limits import PARSING, Limits
from api.misfits import LiteralsOfCorrectType
from api.ports import Ports
from api.strict_json import Malformed, read_object
from api.threads import Abroad, run_abroad

log = structlog.get_logger("api")

MAX_BODY: Final = 256 * 1024
"""Bytes of one request. The longest text that we take is some 20,000 characters, in Georgian three bytes each."""

BODY_SECONDS: Final = 20
"""How long a body may take to come: a connection that sends nothing keeps its place from others."""

RETRY_AFTER: Final = 1
"""Seconds after which to send again what could not be answered now."""

LATER_MILLISECONDS: Final = 2_000
"""Within how long what follows an answer is begun."""

LIMITS: Final = (
    *(LiteralsOfCorrectType if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules),
    Limits,
    MaxIntrospectionDepthRule,
)
"""GraphQL's own rules for documents, and what a document may ask."""

_MEMBERS: Final[dict[str, type]] = {
    "query": str,
    "documentId": str,
    "variables": dict,
    "operationName": str,
    "extensions": dict,
}


class Bounded(SchemaExtension):
    """Adds our limits to parsing and validation, should anyone but the endpoint run the schema."""

    rules = LIMITS

    def on_operation(self) -> Iterator[None]:
        """Before anything is parsed."""
        self.execution_context.parse_options = cast(Any, PARSING)
        self.execution_context.validation_rules = self.rules
        yield


class BoundedAndClosed(Bounded):
    """As `Bounded`, and nobody is told of the schema."""

    rules = (*LIMITS, NoSchemaIntrospectionCustomRule)


def extensions(*, closed: bool) -> list[Any]:
    """The schema's extensions; ``closed`` in production, where introspection is off."""
    return [BoundedAndClosed if closed else Bounded]


class Endpoint:
    """Answers GraphQL requests."""

    def __init__(self, schema: Schema, ports: Ports, trusted: TrustedDocuments) -> None:
        self.execution = Execution(schema, (BoundedAndClosed if ports.facts.production else Bounded).rules)
        self.ports = ports
        self.trusted = trusted
        self.closed = ports.facts.production

    async def __call__(self, request: Request) -> Response:
        """One request. Malformed ones are answered 400, 413 or 415 with an ``errors`` entry, as bugs are with 500."""
        context = Context(self.ports, request)
        try:
            asked = await self._asked(request)
            query = await self._document(context, asked)
        except Malformed as malformed:
            return _refused(malformed.reason, malformed.status)
        except SignInAway:
            return _refused("Whether the token is good cannot be said now. Send it again in a moment.", 503)
        try:
            result = await self.execution.run(query, asked.get("variables"), asked.get("operationName"), context)
        except NoSuchOperation:
            return _refused("The document has no such operation.")
        return self._answered(context, result)

    async def _asked(self, request: Request) -> dict[str, Any]:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise Malformed("Send application/json.", 415)
        asked = read_object(await read_body(request, MAX_BODY))
        for name, value in asked.items():
            kind = _MEMBERS.get(name)
            if kind is None:
                raise Malformed("The body has a member that no GraphQL request has.")
            if value is not None and not isinstance(value, kind):
                raise Malformed(f"The member {name} is of the wrong type.")
        return asked

    async def _document(self, context: Context, asked: dict[str, Any]) -> str:
        """The document to run. In production everyone but a staff program with a token runs trusted ones only."""
        query, name = asked.get("query"), asked.get("documentId")
        if name:
            query = self.trusted.by_id(name)
            if query is None:
                raise Malformed("There is no document of this id.")
        if not query or not query.strip():
            raise Malformed("The body has no query.")
        if self.closed and not self.trusted.holds(query):
            member = await context.staff() if "authorization" in context.connection.headers else None
            if member is None or not member.by_token:
                raise Malformed("Only the documents that the office publishes are answered here.")
        return query

    def _answered(self, context: Context, result: ExecutionResult) -> Response:
        errors = result.errors or []
        asked_wrongly = [error for error in errors if error.path is None]
        failed = [error for error in errors if error.path is not None]
        body: dict[str, Any] = {}
        if asked_wrongly:
            body["errors"] = [self._told(error) for error in asked_wrongly]
            status = 500 if any(_is_bug(error) for error in asked_wrongly) else 400
        else:
            body["data"] = result.data
            status = 200
        if failed:
            body["errors"] = [self._failure(context, error) for error in failed]
            passing = any(isinstance(error.original_error, (Unanswered, *PASSING)) for error in failed)
            status = 503 if passing else 500
        response = Response(_encoded(body), status, {"Cache-Control": "no-store"}, "application/json")
        if status == 503:
            response.headers["Retry-After"] = str(RETRY_AFTER)
        if context.afterwards:
            response.background = BackgroundTasks([BackgroundTask(_later, work) for work in context.afterwards])
        for name, value, seconds in context.cookies:
            set_cookie(response, name, value, seconds)
        return response

    def _told(self, error: GraphQLError) -> dict[str, Any]:
        """A request error: in production without a word of the schema."""
        if _is_bug(error):
            log_bug(cast(BaseException, error.original_error), field=None)
            return {"message": "The service failed.", "extensions": {"code": "FAILED"}}
        ours = error.message.startswith("The operation ")
        message = error.message if ours or not self.closed else "The document or its variables do not fit the schema."
        told: dict[str, Any] = {"message": message, "extensions": {"code": "BAD_REQUEST"}}
        if error.locations:
            told["locations"] = [{"line": each.line, "column": each.column} for each in error.locations]
        return told

    def _failure(self, context: Context, error: GraphQLError) -> dict[str, Any]:
        """A bug, or a commit whose outcome is not known: logged by type and place, never with a value."""
        cause = error.original_error or error
        place = ".".join(str(step) for step in error.path or ())
        if isinstance(cause, Unanswered):
            log.warning("outcome_unknown", field=place)
            extensions: dict[str, Any] = {"code": "OUTCOME_UNKNOWN", "commandId": str(cause.command_id)}
            message = "Whether it was done is not known. Send it again with the same commandId."
        elif isinstance(cause, PASSING):
            log.warning("database_away", field=place, error=type(cause).__qualname__)
            extensions = {"code": "UNAVAILABLE", "correlation": str(context.correlation)}
            message = "This cannot be answered now. Send it again in a moment."
        else:
            log_bug(cause, field=place)
            extensions = {"code": "FAILED", "correlation": str(context.correlation)}
            message = "The service failed."
        return {"message": message, "path": error.path, "extensions": extensions}


async def _later(work: Callable[[], None]) -> None:
    """Do ``work`` some time soon: whoever asked cannot tell by how busy we are whether there was any to do."""
    await anyio.sleep(secrets.randbelow(LATER_MILLISECONDS) / 1000)
    await run_abroad(Abroad.MAIL, work)


async def read_body(request: Request, most: int, seconds: float = BODY_SECONDS) -> bytes:
    """The body, read no further than ``most`` bytes and no longer than ``seconds``. Raises: Malformed."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise Malformed("The body is too large.", 413)
    except TimeoutError:
        raise Malformed("The body did not come in time.", 408) from None
    except ClientDisconnect:
        raise Malformed("The body broke off.") from None
    return bytes(body)


def set_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie that only our own pages over https send back, or take it away when ``seconds`` is 0."""
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict")


def _encoded(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str).encode()


def _is_bug(error: GraphQLError) -> bool:
    return error.original_error is not None and error.nodes is None


def _refused(reason: str, status: int = 400) -> Response:
    code = "UNAVAILABLE" if status == 503 else "BAD_REQUEST"
    headers = {"Connection": "close"} if status == 408 else None
    return JSONResponse({"errors": [{"message": reason, "extensions": {"code": code}}]}, status, headers)


def log_bug(error: BaseException, *, field: str | None) -> None:
    """The error's type and frames. Its message may hold what a person wrote, so it is not logged."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error("failed", error=type(error).__qualname__, field=field, frames=frames[-12:])
