"""Connections of asyncpg to a real PostgreSQL, in a world of virtual time.

What a client sends takes effect in a step of the database's own life, which the world draws like
any other; the world stands still while the server works on it. So every statement has its place in
the order of the world's steps. Only who waits for a lock is left to wait: the world goes on, until
somebody lets go of it.
"""

import asyncio
import select
import socket
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tests.simulation.engine.lives import Life, current_life
from tests.simulation.engine.loop import SimLoop
from tests.simulation.postgres import frames
from tests.simulation.postgres.observer import Observer

if TYPE_CHECKING:
    from tests.simulation.postgres.database import PgDatabase

_PATIENCE = 0.003
"""Real seconds until it is asked whether who does not answer waits for a lock."""
_CHUNK = 1 << 16


class Wire(asyncio.Transport):
    """One connection. ``status`` is that of its transaction: I for none, T, E for a failed one."""

    def __init__(self, exchange: "Exchange", sock: socket.socket, protocol: Any, number: int):
        super().__init__()
        self.socket = sock
        self.protocol = protocol
        self.number = number
        self.life = current_life()
        self.pid = 0
        self.status = b""
        self.db: PgDatabase | None = None
        self.closed = False
        self.prepared: dict[str, str] = {}
        self.written: frozenset[str] = frozenset()
        self.drops_answer = False
        self._exchange = exchange
        self._out = b""
        self._planned = False
        self._skipping = False
        self._synced = False
        self._until: list[str] = []
        self._raw = b""
        self._told: list[bytes] = []
        self._over = False

    # What asyncpg asks of a transport.

    def write(self, data: Any) -> None:
        """Send something, when it is the database's turn."""
        if self.closed:
            return
        self._out += bytes(data)
        if not self._planned:
            self._planned = True
            self._exchange.plan(self)

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Send some things."""
        self.write(b"".join(bytes(data) for data in list_of_data))

    def is_closing(self) -> bool:
        """Tell whether it was closed."""
        return self.closed

    def close(self) -> None:
        """Break it off."""
        self.abort()

    def abort(self) -> None:
        """Break it off: the server rolls back."""
        if not self.closed:
            self._exchange.drop([self])
            self.tell_lost(None)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the socket."""
        return self.socket if name == "socket" else default

    def pause_reading(self) -> None:
        """Answers come whole: nothing is to be held back."""

    def resume_reading(self) -> None:
        """Nothing is held back."""

    # What the exchange asks of it.

    def take(self) -> frames.Asked:
        """Return what was written, and begin anew."""
        self._planned = False
        data, self._out = self._out, b""
        # What begins a connection has no kind, but a length that is small.
        return frames.first(data) if data[:1] == b"\0" else frames.read(data, self.prepared)

    def put_back(self, asked: frames.Asked, after: float) -> None:
        """Have it taken again, in some virtual seconds."""
        self._out = asked.data + self._out
        self._planned = True
        self._exchange.plan(self, after)

    @property
    def at_rest(self) -> bool:
        """Whether a command of our own may go to the server now."""
        return self.status in (b"I", b"T") and self._synced

    def send(self, asked: frames.Asked, before: bytes) -> None:
        """Send it to the server, after something of which the answer is kept back."""
        self._skipping = bool(before)
        self._synced = False
        self._until += asked.until
        try:
            self.socket.sendall(before + asked.data)
        except OSError:
            self._over = True

    def receive(self) -> None:
        """Take in what the server has sent."""
        try:
            data = self.socket.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            self._over = True
            return
        self._raw += data
        used = 0
        for kind, body, whole in frames.split(self._raw):
            used += len(whole)
            self._hear(kind, body, whole)
        self._raw = self._raw[used:]

    def _hear(self, kind: bytes, body: bytes, whole: bytes) -> None:
        if kind == b"Z":
            self.status, self._synced = body, True
        if kind == b"K":
            self.pid = int.from_bytes(body[:4], "big")
        if self._skipping:
            self._skipping = kind != b"Z"
            return
        self._told.append(whole)
        if self._until and frames.is_answer(self._until[0], kind, body):
            del self._until[0]

    @property
    def answered(self) -> bool:
        """Whether nothing more is to come."""
        return self._over or not self._until

    def deliver(self) -> None:
        """Let the client hear what the server said."""
        told, self._told = b"".join(self._told), []
        if self.drops_answer:
            self._exchange.lose(self)
            return
        if told:
            self._tell(self.protocol.data_received, told)
        if self._over:
            self._exchange.drop([self])
            self.tell_lost(None)

    def tell_lost(self, error: Exception | None) -> None:
        """Let the client hear that the connection is gone."""
        self._tell(self.protocol.connection_lost, error)

    def _tell(self, call: Any, what: Any) -> None:
        self._exchange.loop.call_soon(call, what, context=self.life.context.copy())


class Exchange:
    """All connections of one world, and what the server is asked through them."""

    def __init__(self, loop: SimLoop, observer: Observer) -> None:
        self.loop = loop
        self.observer = observer
        self.databases: dict[str, PgDatabase] = {}
        self.statements = 0
        self.lock_waits = 0
        self._life = loop.new_life("postgres")
        self._wires: dict[int, Wire] = {}
        self._dropped: list[Wire] = []
        self._made = 0
        self._blocked: dict[Wire, None] = {}

    def connect(self, protocol: Any, host: str, port: int) -> Wire:
        """Connect the life that runs now."""
        sock = socket.create_connection((host, port))
        self._made += 1
        wire = self._wires[self._made] = Wire(self, sock, protocol, self._made)
        return wire

    def plan(self, wire: Wire, after: float = 0.0) -> None:
        """Have a connection's statement done at some step, or in some virtual seconds."""
        context = self._life.context.copy()
        if after:
            self.loop.call_later(after, self._act, wire, False, context=context)
        else:
            self.loop.call_soon(self._act, wire, True, context=context)

    def _act(self, wire: Wire, may_fail: bool) -> None:
        if wire.closed:
            return
        asked = wire.take()
        if asked.user:
            wire.db = self.databases.get(asked.user)
        db = wire.db
        if db is None or not wire.status:
            self._send(wire, asked, b"")
            return
        if may_fail:
            trouble = db.draw(wire.status, asked)
            if trouble.lost:
                self.lose(wire)
                return
            wire.drops_answer = trouble.answer_lost
            if trouble.slow:
                wire.put_back(asked, trouble.slow)
                return
        self._send(wire, asked, db.time(wire.status, asked) if wire.at_rest else b"")

    def _send(self, wire: Wire, asked: frames.Asked, before: bytes) -> None:
        self.statements += len(asked.sql)
        if wire.db is not None:
            wire.written |= wire.db.written(asked)
        wire.send(asked, before)
        busy = [wire]
        if asked.cancels:
            busy += [other for other in self._blocked if other.pid == asked.cancels]
        self._settle(busy)

    def lose(self, wire: Wire) -> None:
        """Break a connection off, and let both sides see it."""
        self.drop([wire])
        wire.tell_lost(ConnectionResetError("the connection broke"))

    def life_ended(self, life: Life) -> None:
        """Break off the connections of a life; nobody is left to be told."""
        self.drop([wire for wire in self._wires.values() if wire.life is life])

    def drop(self, wires: list[Wire]) -> None:
        """Break off connections; when this returns the server has rolled them back."""
        gone = [wire for wire in wires if not wire.closed]
        for wire in gone:
            wire.closed = True
            wire.socket.close()
            self._blocked.pop(wire, None)
            self._dropped.append(wire)
            self._wires.pop(wire.number, None)
        self.observer.end([wire.pid for wire in gone if wire.pid])
        for wire in gone:
            self._ended(wire)
        self._settle([])

    def end(self) -> None:
        """Close all connections: the world is over."""
        wires = list(self._wires.values())
        for wire in wires:
            wire.closed = True
            wire.socket.close()
        for wire in (*self._dropped, *wires):
            # Nobody is surprised later by a connection that was never closed.
            wire.life.context.copy().run(wire.protocol.connection_lost, None)
        self._wires.clear()
        self._dropped.clear()
        self._blocked.clear()

    def _settle(self, busy: list[Wire]) -> None:
        """Wait until everybody has an answer or waits for a lock, and deliver the answers.

        Nobody busy means that connections were dropped, and their locks with them.
        """
        done: list[Wire] = []
        freed = not busy
        while busy or (freed and self._blocked):
            if freed:
                still = self.observer.still_waiting(wire.pid for wire in self._blocked)
                busy += [wire for wire in self._blocked if wire.pid not in still]
            answered = list(self._answers(busy))
            done += answered
            # A lock is let go of when a transaction ends, before its client hears of it.
            freed = any(wire.status == b"I" for wire in answered)
            busy = []
        for wire in sorted(done, key=lambda one: one.number):
            if wire.status == b"I":
                self._ended(wire)
            wire.deliver()

    def _ended(self, wire: Wire) -> None:
        written, wire.written = wire.written, frozenset()
        if wire.db is not None:
            wire.db.transaction_ended(written)

    def _answers(self, busy: list[Wire]) -> Iterator[Wire]:
        """Yield who was answered; who waits for a lock joins those that are blocked."""
        open_ones = dict.fromkeys(busy)
        for wire in busy:
            self._blocked.pop(wire, None)
        while open_ones:
            for wire in [one for one in open_ones if one.answered]:
                del open_ones[wire]
                yield wire
            if not open_ones:
                return
            heard = select.select([wire.socket for wire in open_ones], [], [], _PATIENCE)[0]
            for wire in list(open_ones):
                if wire.socket in heard:
                    wire.receive()
            if not heard:
                waiting = self.observer.waiting(wire.pid for wire in open_ones)
                for wire in [one for one in open_ones if one.pid in waiting]:
                    del open_ones[wire]
                    self._blocked[wire] = None
                    self.lock_waits += 1
