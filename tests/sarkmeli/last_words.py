"""A program for test_canary: ends, or one of its threads does, by an error that quotes what a person said."""

import asyncio
import sys
import threading

from sarkmeli.logs import configure, unhandled
from sarkmeli.settings import Settings

error = ValueError("not a name: 'Zvabqudok'")


def throw():
    raise error


class Unraisable:
    def __del__(self):
        throw()


def loop_throws():
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(unhandled)

    async def forget():
        loop.call_soon(throw)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    loop.run_until_complete(forget())


def thread_throws():
    threading.Thread(target=throw).start()


configure(Settings())
{"program": throw, "thread": thread_throws, "loop": loop_throws, "finaliser": Unraisable}[sys.argv[1]]()
