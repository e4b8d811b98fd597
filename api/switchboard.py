"""The lines of calls: who is there, here or in another of the API's processes, and that both sides have met.

Each process knows its own lines, and tells the others of them when they come, go, and with every beat; what it was told
last of others' lines it believes for as long as a beat may be late. When both sides are known each process records its
own, so that none says of a side what it has not itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from uuid import UUID

import structlog
from anyio import CapacityLimiter, create_task_group, sleep, to_thread
from anyio.abc import TaskGroup

from api import correlation
from api.answers import PASSING
from api.exchange import Exchange
from api.lines import AGAIN, POLICY, Line
from api.ports import Ports
from api.turns import Turns
from domain.people import SubjectId
from domain.refusals import Refusal
from domain.videobar.call import Call
from domain.videobar.terms import Channel, Side
from housekeeping import presence
from ledger.keys import SubjectErased

log = structlog.get_logger("api.signalling")
T = TypeVar("T")

BEAT_SECONDS: Final = presence.SECONDS / 4
MOST_AT_THE_DOOR: Final = 200
"""Connections that have not yet said whose they are; and of those from one address prefix:"""
PER_PLACE_AT_THE_DOOR: Final = 20


@dataclass
class _Elsewhere:
    """A line in another process, and when we were last told of it."""

    line: UUID
    told_at: float


@dataclass
class _Meeting:
    """Two lines that know of each other, and where in the ledger each side's connection is recorded."""

    pair: frozenset[UUID]
    positions: dict[Side, int] = field(default_factory=dict[Side, int])
    begun: set[Side] = field(default_factory=set[Side])
    """Sides whose connection is being recorded: both may come here at once, and one of them says it."""


@dataclass
class _Table:
    """One call: its lines here, those elsewhere, and their meeting."""

    here: dict[Side, Line] = field(default_factory=dict[Side, Line])
    elsewhere: dict[Side, _Elsewhere] = field(default_factory=dict[Side, _Elsewhere])
    meeting: _Meeting | None = None

    def lines(self) -> dict[Side, UUID]:
        """Both kinds of lines by side."""
        return {side: each.line for side, each in self.elsewhere.items()} | {
            s: each.id for s, each in self.here.items()
        }


class Switchboard:
    """The lines that are open in this process, by call and side; a later line takes an earlier one's place."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.threads = CapacityLimiter(8)
        self.door = Turns(MOST_AT_THE_DOOR, PER_PLACE_AT_THE_DOOR)
        self._tables: dict[UUID, _Table] = {}
        self._exchange = Exchange(ports.pool, ports.keys, self._subject, self.threads)
        self._tasks: TaskGroup | None = None

    @property
    def size(self) -> int:
        """How many lines are open here."""
        return sum(len(table.here) for table in self._tables.values())

    async def run(self) -> None:
        """Hear the other processes, until cancelled."""
        async with create_task_group() as self._tasks:
            await self._exchange.listen(self._hear, self._begin_anew)

    async def join(self, line: Line) -> None:
        """Take the line in, tell all sides who is there, and the call if both are. Raises: what `PASSING` lists."""
        table = self._tables.setdefault(line.call, _Table())
        earlier = table.here.get(line.side)
        table.here[line.side] = line
        table.elsewhere.pop(line.side, None)
        if earlier is not None:
            earlier.hang_up(POLICY)
        await self.in_thread(self.ports.presence.arrive, line.call, line.side, line.id)
        await self._ask(line)
        self._tell_who_is_there(line.call)
        await self._connect(line.call)

    async def leave(self, line: Line) -> None:
        """The line has ended."""
        table = self._tables.get(line.call)
        if table is not None and table.here.get(line.side) is line:
            del table.here[line.side]
            if not table.here:
                del self._tables[line.call]
        self._tell_who_is_there(line.call)
        try:
            await self.in_thread(self.ports.presence.leave, line.call, line.side, line.id)
            await self._tell(line, "gone")
        except PASSING as error:  # whoever is elsewhere notices when no beat comes
            log.warning("leaving_not_told", call=str(line.call), error=type(error).__name__)

    async def pass_on(self, line: Line, text: str) -> None:
        """Give a text to the other side, wherever its line is. Raises: what `PASSING` lists."""
        table = self._tables.get(line.call, _Table())
        there = [each for side, each in table.here.items() if side is not line.side]
        if there:
            there[0].send(text)
        elif any(side is not line.side for side in table.elsewhere):
            await self._tell(line, "text", text=text)

    async def keep(self, line: Line) -> None:
        """Renew the line while it lasts, and end it once its side has no more business in the call."""
        while True:
            await sleep(BEAT_SECONDS)
            line.received = 0
            try:
                good = await self.in_thread(self._still_good, line)
                await self._tell(line, "here")
            except PASSING as error:  # nobody is sent away for that
                log.warning("beat_missed", call=str(line.call), error=type(error).__name__)
                continue
            if not good:
                line.hang_up(POLICY)
                return
            self._forget_the_silent(line.call)

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do what waits for a database, in one of signalling's own threads."""
        return await to_thread.run_sync(work, *arguments, limiter=self.threads)

    # -- what other processes say ----------------------------------------------------------------------------------

    async def _tell(self, line: Line, told: str, **more: Any) -> None:
        said = {"told": told, "side": line.side.value, "line": line.id.hex, **more}
        meeting = self._tables.get(line.call, _Table()).meeting
        if told == "here" and meeting is not None and line.side in meeting.positions and line.id in meeting.pair:
            said |= {"pair": sorted(each.hex for each in meeting.pair), "position": meeting.positions[line.side]}
        try:
            await self.in_thread(self._exchange.tell, line.call, line.subject, said)
        except SubjectErased:  # then the call is over too, which the next beat finds
            log.info("call_forgotten", call=str(line.call))

    def _subject(self, call: UUID) -> SubjectId | None:
        """Whose call it is, if it has a line here."""
        return next((line.subject for line in self._tables.get(call, _Table()).here.values()), None)

    async def _hear(self, call: UUID, said: dict[str, Any]) -> None:
        table, side, line = self._tables.get(call), Side(said["side"]), UUID(said["line"])
        if table is None:
            return
        match said["told"]:
            case "here":
                self._heard_here(call, table, side, line, said)
            case "gone":
                if side in table.elsewhere and table.elsewhere[side].line == line:
                    del table.elsewhere[side]
                    self._tell_who_is_there(call)
            case _:
                known = table.elsewhere.get(side)
                if known is not None and known.line == line:
                    for own, each in table.here.items():
                        if own is not side:
                            each.send(str(said["text"]))

    def _heard_here(self, call: UUID, table: _Table, side: Side, line: UUID, said: dict[str, Any]) -> None:
        """A line is there, and how far it has come: said with each beat, so that what was missed is made good."""
        known = table.elsewhere.get(side)
        if side in table.here:
            self._soon(self._give_way, table.here[side])
            return
        table.elsewhere[side] = _Elsewhere(line, time.monotonic())
        if known is None or known.line != line:
            self._tell_who_is_there(call)
        pair = frozenset(table.lines().values())
        if "pair" in said and pair == frozenset(UUID(each) for each in said["pair"]):
            meeting = self._meeting(table, pair)
            meeting.positions[side] = int(said["position"])
            self._say_if_met(table, meeting)
        if said.get("ask"):
            for own in table.here.values():
                self._soon(self._tell, own, "here")
        self._soon(self._connect, call)

    async def _give_way(self, line: Line) -> None:
        """Another process has a line of the same side: the one that is written down stays."""
        if not await self.in_thread(self.ports.presence.beat, line.call, line.side, line.id):
            line.hang_up(POLICY)

    async def _begin_anew(self) -> None:
        """We may have missed something: whoever speaks with another process comes again, and so does the other."""
        for table in list(self._tables.values()):
            if table.elsewhere:
                for line in list(table.here.values()):
                    line.hang_up(AGAIN)
            table.elsewhere.clear()
            for line in table.here.values():
                self._soon(self._ask, line)

    async def _ask(self, line: Line) -> None:
        await self._tell(line, "here", ask=True)

    def _soon(self, work: Callable[..., Any], *arguments: Any) -> None:
        async def done() -> None:
            try:
                await work(*arguments)
            except PASSING as error:
                log.warning("not_done", error=type(error).__name__)

        if self._tasks is not None:
            self._tasks.start_soon(done)

    def _forget_the_silent(self, call: UUID) -> None:
        table = self._tables.get(call, _Table())
        oldest = time.monotonic() - presence.SECONDS
        silent = [side for side, each in table.elsewhere.items() if each.told_at < oldest]
        for side in silent:
            del table.elsewhere[side]
        if silent:
            self._tell_who_is_there(call)

    # -- both sides ------------------------------------------------------------------------------------------------

    def _tell_who_is_there(self, call: UUID) -> None:
        table = self._tables.get(call, _Table())
        for line in list(table.here.values()):
            line.say(type="present", sides=sorted(table.lines()))

    async def _connect(self, call: UUID) -> None:
        table = self._tables.get(call, _Table())
        lines, own = table.lines(), dict(table.here)
        if set(lines) != set(Side):
            return
        meeting = self._meeting(table, frozenset(lines.values()))
        for side, line in own.items():
            if side in meeting.begun:
                continue
            meeting.begun.add(side)
            try:
                meeting.positions[side] = await self.in_thread(self._record, line)
            except Refusal as refusal:
                meeting.begun.discard(side)
                log.info("not_connected", call=str(call), code=type(refusal).code)
                return
            except BaseException:
                meeting.begun.discard(side)
                raise
            if own.keys() != lines.keys():
                await self._tell(line, "here")
        self._say_if_met(table, meeting)

    def _meeting(self, table: _Table, pair: frozenset[UUID]) -> _Meeting:
        if table.meeting is None or table.meeting.pair != pair:
            table.meeting = _Meeting(pair)
        return table.meeting

    def _say_if_met(self, table: _Table, meeting: _Meeting) -> None:
        if table.meeting is not meeting or set(meeting.positions) != set(Side):
            return
        token = self.ports.tokens.encode(max(meeting.positions.values()))
        for line in table.here.values():
            if line.id in meeting.pair and line.met != meeting.pair:
                line.met = meeting.pair
                line.say(type="connected", channel=Channel.SIGNALLING_ONLY.value, token=token)

    def _record(self, line: Line) -> int:
        act = self.ports.office.act(line.actor, f"connected {line.side}", correlation=correlation.current())
        channel = Channel.SIGNALLING_ONLY
        return self.ports.videobar.connected(act, call=line.call, side=line.side, channel=channel).position

    def _still_good(self, line: Line) -> bool:
        if not self.ports.presence.beat(line.call, line.side, line.id):
            return False
        try:
            call = self.ports.office.load(Call, line.call)
        except Refusal:
            return False
        return call.is_held_by(line.actor) if line.side is Side.OPERATOR else not call.is_over
