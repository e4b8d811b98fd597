"""A question to a neighbour ends: at its deadline, after its tries, or at once while the neighbour is left alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from gateways.neighbour import Answer, Neighbour, NeighbourDown, Patience

QUICK = Patience(connect=0.5, answer=0.5, in_all=1.0, tries=3, trips_after=100)
PATIENT = Patience(connect=10.0, answer=10.0, in_all=30.0, tries=3, trips_after=100)
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Script = Callable[[socket.socket], None]


@contextmanager
def speaking(*scripts: Script) -> Iterator[tuple[Neighbour, list[int]]]:
    """A neighbour that treats its first caller by the first script, and so on; the last one stays. And who called."""
    yield from _speaking(QUICK, *scripts)


def _speaking(patience: Patience, *scripts: Script) -> Iterator[tuple[Neighbour, list[int]]]:
    server = socket.create_server(("127.0.0.1", 0))
    callers: list[int] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                callers.append(len(callers))
                script = scripts[min(len(callers), len(scripts)) - 1]
                threading.Thread(target=treat, args=(connection, script), daemon=True).start()

    def treat(connection: socket.socket, script: Script) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            script(connection)

    threading.Thread(target=serve, daemon=True).start()
    neighbour = Neighbour("stranger", f"http://127.0.0.1:{server.getsockname()[1]}", patience)
    try:
        yield neighbour, callers
    finally:
        neighbour.close()
        server.shutdown(socket.SHUT_RDWR)
        server.close()


patient = contextmanager(_speaking)


def says(answer: bytes) -> Script:
    return lambda connection: connection.sendall(answer)


def hangs_up(connection: socket.socket) -> None:
    return None


def dribbles(connection: socket.socket) -> None:
    """A header at once, then one byte at a time for ever: each of them within any time-out between two bytes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    pause = threading.Event()
    while not pause.wait(0.05):
        connection.sendall(b"x")


def floods(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def test_a_neighbour_that_fails_and_then_answers_has_answered() -> None:
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    with patient(PATIENT, hangs_up, says(busy), says(WHOLE)) as (neighbour, callers):
        assert neighbour.ask("GET", "/") == Answer(200, b"ok", "")
        assert len(callers) == 3


@pytest.mark.parametrize("script", [hangs_up, dribbles, says(b"nonsense\r\n\r\n")])
def test_whatever_a_neighbour_does_the_question_ends(script: Script) -> None:
    with speaking(script) as (neighbour, callers), pytest.raises(NeighbourDown):
        neighbour.ask("GET", "/")
    assert 1 <= len(callers) <= 3


def test_an_answer_without_end_is_not_kept() -> None:
    small = Patience(connect=0.5, answer=20.0, in_all=20.0, tries=1, longest=1024 * 1024)
    with patient(small, floods) as (neighbour, _), pytest.raises(NeighbourDown, match="length"):
        neighbour.ask("GET", "/")


def test_a_refusal_is_an_answer_and_is_not_asked_for_twice() -> None:
    with patient(PATIENT, says(b"HTTP/1.1 409 No\r\nContent-Length: 0\r\n\r\n")) as (neighbour, callers):
        assert neighbour.ask("POST", "/").status == 409
        assert len(callers) == 1


def test_nobody_is_led_elsewhere() -> None:
    away = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with patient(PATIENT, says(away)) as (neighbour, _):
        assert neighbour.ask("GET", "/").status == 302


def test_a_neighbour_that_keeps_failing_is_left_alone_and_then_asked_again() -> None:
    tripping = Patience(connect=10.0, answer=10.0, in_all=20.0, tries=1, trips_after=2, rests=0.05)
    with patient(tripping, hangs_up, hangs_up, says(WHOLE)) as (neighbour, callers):
        for _ in range(2):
            with pytest.raises(NeighbourDown):
                neighbour.ask("GET", "/")
        assert neighbour.resting
        with pytest.raises(NeighbourDown, match="left alone"):
            neighbour.ask("GET", "/")
        assert len(callers) == 2
        while neighbour.resting:
            pass
        assert neighbour.ask("GET", "/").content == b"ok"
        assert not neighbour.resting


def test_no_path_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")
    with speaking(hangs_up) as (neighbour, _), pytest.raises(NeighbourDown) as down:
        neighbour.ask("GET", "/people/01008012345")
    assert "stranger" in caplog.text
    assert "01008012345" not in caplog.text + str(down.value)
