"""A bank that takes every connection and never answers: who pays waits for it, who looks a case up does not."""

import http.client
import select
import socket
import threading
from urllib.parse import urlsplit

import pytest
from neighbours import free_port
from window import keyed, registered, settings_of, window

PAYERS = 60
"""More than the service has threads."""


@pytest.fixture
def hanging_bank():
    """Its address, and a semaphore that counts who has come."""
    came = threading.Semaphore(0)
    kept = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def take():
            while True:
                try:
                    kept.append(listening.accept()[0])
                except OSError:
                    return
                came.release()

        taking = threading.Thread(target=take, daemon=True)
        taking.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", came
        listening.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()
        taking.join(10)


def test_look_ups_go_on_while_the_bank_hangs(at, tmp_path, new_database, hanging_bank):
    bank, came = hanging_bank
    port = free_port()
    settings = settings_of(tmp_path, new_database, port, at.sandbox, bank_url=bank, bank_api_key="unused")
    with window(settings, at.sandbox) as here:
        client, answer = registered(here)
        client.ask("Status", **keyed(answer), atLeast=answer["token"])
        payers = [sent(port, urlsplit(answer["bankPage"]).path) for _ in range(PAYERS)]
        assert came.acquire(timeout=20)
        for _ in range(5):
            assert client.ask("Status", **keyed(answer))["state"] == "AWAITING_PAYMENT_AND_VIDEO"
        answered, _, _ = select.select([payer.sock for payer in payers], [], [], 0)
        assert answered == [], "no payer was answered before, so nobody waited for the bank to be given up"
        for payer in payers:
            assert payer.getresponse().status == 503
            payer.close()


def sent(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    return connection
