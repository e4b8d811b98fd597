"""Where the two sides of a call meet: their programs' messages are passed on, unread, from one to the other.

An operator is known by session or token at the handshake; an applicant by the ticket in the first message. When both
are there the call is told so, by the channel that it was: signalling only, until media pass through the office.
The lines of one call must end in the same process: one API process serves signalling.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

import anyio
import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

import texts
from api import correlation
from api.callers import staff_of
from api.declined import LinkRefused
from api.ports import Ports
from api.refusals import sentence
from api.strict_json import Malformed, read_object
from api.tickets import For, Tickets
from api.turns import AllTaken, Turns
from domain.people import Actor, Role
from domain.refusals import Refusal
from domain.videobar.call import Call
from domain.videobar.refusals import NotYourCall
from domain.videobar.terms import Channel, Phase, Side
from housekeeping import presence

log = structlog.get_logger("api.signalling")

MAX_MESSAGE: Final = 64 * 1024
"""Bytes of one message; a session description with every candidate has some ten thousand."""
MESSAGES_PER_BEAT: Final = 300
FIRST_MESSAGE_SECONDS: Final = 10
BEAT_SECONDS: Final = presence.SECONDS / 4
MOST_LINES: Final = 2_000
MOST_AT_THE_DOOR: Final = 200
"""Connections that have not yet said whose they are; and of those from one address prefix:"""
PER_PLACE_AT_THE_DOOR: Final = 20

GOING_AWAY, POLICY, TOO_MUCH = 1001, 1008, 1013


@dataclass(eq=False)
class Line:
    """One side's connection."""

    socket: WebSocket
    call: UUID
    side: Side
    actor: Actor
    id: UUID = field(default_factory=uuid4)
    received: int = 0

    async def say(self, **message: Any) -> None:
        """Send a message of our own."""
        await self.pass_on(json.dumps(message, ensure_ascii=False))

    async def pass_on(self, text: str) -> None:
        """Send a text; a line that is going down takes nothing more."""
        try:
            await self.socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError, OSError):
            log.info("line_down", call=str(self.call), side=self.side)


class Switchboard:
    """The lines that are open in this process, by call and side; a later line takes an earlier one's place."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.threads = CapacityLimiter(8)
        self.door = Turns(MOST_AT_THE_DOOR, PER_PLACE_AT_THE_DOOR)
        self._lines: dict[UUID, dict[Side, Line]] = {}
        self._met: dict[UUID, frozenset[UUID]] = {}

    @property
    def size(self) -> int:
        """How many lines are open."""
        return sum(len(sides) for sides in self._lines.values())

    def other(self, line: Line) -> Line | None:
        """The line of the other side, if it is there."""
        sides = self._lines.get(line.call, {})
        return next((each for side, each in sides.items() if side is not line.side), None)

    async def join(self, line: Line) -> None:
        """Take the line in, tell both sides who is there, and the call if both are."""
        sides = self._lines.setdefault(line.call, {})
        earlier = sides.get(line.side)
        sides[line.side] = line
        if earlier is not None:
            await close(earlier.socket, POLICY)
        await self._run(self.ports.presence.arrive, line.call, line.side, line.id)
        await self._tell_who_is_there(line.call)
        await self._connect(line.call)

    async def leave(self, line: Line) -> None:
        """The line has ended."""
        sides = self._lines.get(line.call, {})
        if sides.get(line.side) is line:
            del sides[line.side]
            if not sides:
                self._lines.pop(line.call, None)
                self._met.pop(line.call, None)
        await self._run(self.ports.presence.leave, line.call, line.side, line.id)
        await self._tell_who_is_there(line.call)

    async def keep(self, line: Line) -> None:
        """Renew the line while it lasts, and end it once its side has no more business in the call."""
        while True:
            await anyio.sleep(BEAT_SECONDS)
            line.received = 0
            if not await self._run(self._still_good, line):
                await close(line.socket, POLICY)
                return

    async def _tell_who_is_there(self, call: UUID) -> None:
        lines = dict(self._lines.get(call, {}))
        for line in lines.values():
            await line.say(type="present", sides=sorted(lines))

    async def _connect(self, call: UUID) -> None:
        lines = dict(self._lines.get(call, {}))
        pair = frozenset(line.id for line in lines.values())
        if set(lines) != set(Side) or self._met.get(call) == pair:
            return
        self._met[call] = pair  # both sides may come here at once: one of them says it
        try:
            position = await self._run(self._record, lines)
        except Refusal as refusal:
            self._met.pop(call, None)
            log.info("not_connected", call=str(call), code=type(refusal).code)
            return
        except BaseException:
            self._met.pop(call, None)
            raise
        for line in lines.values():
            await line.say(type="connected", channel=Channel.SIGNALLING_ONLY.value, token=position)

    def _record(self, lines: dict[Side, Line]) -> str:
        position = 0
        for side in Side:
            line = lines[side]
            act = self.ports.office.act(line.actor, f"connected {side}", correlation=correlation.current())
            done = self.ports.videobar.connected(act, call=line.call, side=side, channel=Channel.SIGNALLING_ONLY)
            position = max(position, done.position)
        return self.ports.tokens.encode(position)

    def _still_good(self, line: Line) -> bool:
        if not self.ports.presence.beat(line.call, line.side, line.id):
            return False
        try:
            call = self.ports.office.load(Call, line.call)
        except Refusal:
            return False
        return call.is_held_by(line.actor) if line.side is Side.OPERATOR else not call.is_over

    async def _run(self, work: Any, *arguments: Any) -> Any:
        return await to_thread.run_sync(work, *arguments, limiter=self.threads)


def signalling_router(ports: Ports) -> APIRouter:
    """``WS /videobar/calls/{call}``."""
    router = APIRouter()
    board = Switchboard(ports)

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
    except (Refusal, Malformed, TimeoutError, WebSocketDisconnect) as why:
        await _turn_away(socket, why)
        return
    try:
        await board.join(line)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(board.keep, line)
            await _pass_on(board, line)
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
    member = await to_thread.run_sync(staff_of, ports, socket, limiter=board.threads)
    if member is not None:
        operator = Actor(member.person, Role.OPERATOR)

        def held() -> bool:
            return Role.OPERATOR in member.roles and ports.office.load(Call, call).is_held_by(operator)

        if await to_thread.run_sync(held, limiter=board.threads):
            return Line(socket, call, Side.OPERATOR, operator)
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

    def case_of() -> UUID:
        named, case = Tickets(ports.keys).read(For.CALL, ticket, ports.office.desk.now())
        if named != call or case is None or ports.office.load(Call, call).phase is Phase.OVER:
            raise LinkRefused
        return case

    case = await to_thread.run_sync(case_of, limiter=board.threads)
    return Line(socket, call, Side.APPLICANT, Actor(str(case), Role.HOLDER))


async def _pass_on(board: Switchboard, line: Line) -> None:
    """Until the line goes down: every message to the other side, if it is there."""
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
        other = board.other(line)
        if other is not None:
            await other.pass_on(text)


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


async def close(socket: WebSocket, code: int) -> None:
    """Close, whatever has become of the connection."""
    try:
        await socket.close(code)
    except (WebSocketDisconnect, RuntimeError, OSError):
        return
