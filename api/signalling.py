"""Where the two sides of a call meet: their programs' messages are passed on, unread, from one to the other.

An operator is known by session or token at the handshake; an applicant by the ticket in the first message. When both
are there the call is told so, by the channel that it was: signalling only, until media pass through the office.
The two lines of a call may end in different processes of the API: `api.switchboard` carries what is said between them.
"""

from __future__ import annotations

import json
from typing import Final
from uuid import UUID

import anyio
import structlog
from anyio.abc import TaskGroup
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

import texts
from api.answers import PASSING
from api.callers import staff_of
from api.declined import LinkRefused
from api.lines import AGAIN, POLICY, TOO_MUCH, Line, close
from api.ports import Ports
from api.refusals import sentence
from api.roles import AT_A_BAR, acting_role
from api.strict_json import Malformed, read_object
from api.switchboard import Switchboard
from api.tickets import For, Tickets
from api.turns import AllTaken
from domain.people import Actor, Role, SubjectId
from domain.refusals import Refusal
from domain.videobar.call import Call
from domain.videobar.refusals import NotYourCall
from domain.videobar.terms import Phase, Side

log = structlog.get_logger("api.signalling")

MAX_MESSAGE: Final = 64 * 1024
"""Bytes of one message; a session description with every candidate has some ten thousand."""
MESSAGES_PER_BEAT: Final = 300
FIRST_MESSAGE_SECONDS: Final = 10
MOST_LINES: Final = 2_000
"""In one process."""


def signalling_router(board: Switchboard) -> APIRouter:
    """``WS /videobar/calls/{call}``."""
    router = APIRouter()

    @router.websocket("/videobar/calls/{call}")
    async def line(socket: WebSocket, call: UUID) -> None:
        await serve(board, socket, call)

    return router


async def serve(board: Switchboard, socket: WebSocket, call: UUID) -> None:
    """One connection from its handshake to its end."""
    origin = socket.headers.get("origin")
    if board.size >= MOST_LINES or (origin is not None and origin != board.ports.facts.url):
        await socket.close(POLICY)
        return
    try:
        with board.door.turn(_address(board.ports, socket)):
            await socket.accept()
            line = await _admitted(board, socket, call)
    except AllTaken:
        await close(socket, TOO_MUCH)
        return
    except PASSING as error:
        log.warning("line_not_taken", call=str(call), error=type(error).__name__)
        await close(socket, AGAIN)
        return
    except (Refusal, Malformed, TimeoutError, WebSocketDisconnect) as why:
        await _turn_away(socket, why)
        return
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(line.speak)
            await _served(board, line, tasks)
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await board.leave(line)


def _address(ports: Ports, socket: WebSocket) -> str:
    client = socket.client
    return ports.proxies.client(client.host if client else None, socket.headers.getlist("x-forwarded-for"))


async def _admitted(board: Switchboard, socket: WebSocket, call: UUID) -> Line:
    """Whose line it is. Raises: NotYourCall, LinkRefused, UnknownCase; Malformed; TimeoutError."""
    ports = board.ports
    member = await board.in_thread(staff_of, ports, socket)
    if member is not None:
        role = acting_role(member.roles, AT_A_BAR)

        by = Actor(member.person, role) if role is not None else None

        def held() -> SubjectId | None:
            known = ports.office.load(Call, call) if by is not None else None
            return known.subject if known is not None and by is not None and known.is_held_by(by) else None

        if (subject := await board.in_thread(held)) is not None and by is not None:
            return Line(socket, call, Side.OPERATOR, by, subject)
        if "authorization" in socket.headers:
            raise NotYourCall
    # A browser may hold a staff session and open an applicant's line all the same: its ticket decides.
    stranger = LinkRefused if member is None else NotYourCall
    try:
        with anyio.fail_after(FIRST_MESSAGE_SECONDS):
            ticket = read_object((await _text(socket)).encode()).get("ticket")
    except TimeoutError:
        if member is None:
            raise
        raise stranger from None
    if not isinstance(ticket, str):
        raise stranger

    def case_of() -> tuple[UUID, SubjectId]:
        named, case = Tickets(ports.keys).read(For.CALL, ticket, ports.office.desk.now())
        if named != call or case is None:
            raise LinkRefused
        known = ports.office.load(Call, call)
        if known.phase is Phase.OVER or known.subject is None:
            raise LinkRefused
        return case, known.subject

    case, subject = await board.in_thread(case_of)
    return Line(socket, call, Side.APPLICANT, Actor(str(case), Role.HOLDER), subject)


async def _served(board: Switchboard, line: Line, tasks: TaskGroup) -> None:
    """Everything that is said on a line, until it goes down."""
    try:
        await board.join(line)
        tasks.start_soon(board.keep, line)
        await _pass_on(board, line)
    except PASSING as error:
        log.warning("line_given_up", call=str(line.call), error=type(error).__name__)
        await close(line.socket, AGAIN)


async def _pass_on(board: Switchboard, line: Line) -> None:
    """Until the line goes down: every message to the other side, if it is there. Raises: what `PASSING` lists."""
    while True:
        try:
            text = await _text(line.socket)
            read_object(text.encode())
        except WebSocketDisconnect:
            return
        except Malformed as malformed:
            await _turn_away(line.socket, malformed)
            return
        line.received += 1
        if line.received > MESSAGES_PER_BEAT:
            await close(line.socket, TOO_MUCH)
            return
        await board.pass_on(line, text)


async def _text(socket: WebSocket) -> str:
    """The next message. Raises: WebSocketDisconnect, Malformed."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    text = message.get("text")
    if not isinstance(text, str) or len(text.encode("utf-8", "surrogatepass")) > MAX_MESSAGE:
        raise Malformed("Send JSON texts of at most 64 KiB.")
    return text


async def _turn_away(socket: WebSocket, why: Exception) -> None:
    language = texts.preferred(socket.headers.get("accept-language"))
    if isinstance(why, Refusal):
        told = {"type": "refused", "code": type(why).code, "message": sentence(why, language)}
    elif isinstance(why, Malformed):
        told = {"type": "refused", "code": "MALFORMED", "message": why.reason}
    else:
        told = {"type": "refused", "code": LinkRefused.code, "message": sentence(LinkRefused(), language)}
    try:
        await socket.send_text(json.dumps(told, ensure_ascii=False))
    except (WebSocketDisconnect, RuntimeError, OSError):
        return
    await close(socket, POLICY)
