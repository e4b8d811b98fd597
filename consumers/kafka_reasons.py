"""Why Kafka could not be reached: what kafka-python tells only its log.

A password that the broker refuses, or a certificate that is not trusted, ends a connection of its own thread. It begins
another until its time is over, and raises that it was over. The errors themselves are arguments of what it logs under
``kafka.net``, which is listened to here and printed nowhere: a broker that is away it says ten times a second.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final

from kafka.errors import (
    AuthorizationError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)


class NotTrusted(KafkaError):
    """TLS cannot be agreed on: a certificate is not trusted, or the other side speaks no TLS."""


class Broken(NotTrusted):
    """The other side ended the line instead. A broker that begins or ends does so too, but does other things beside."""


REFUSED: Final = (
    AuthorizationError,
    IllegalSaslStateError,
    NotTrusted,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
"""Why a broker lets nobody in, however often it is asked."""


_OF_THE_LINE: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


class _Listener(logging.Handler):
    """Gives the errors that are logged to whoever asks for them now."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.asking: list[list[KafkaError]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the errors that say something, not the words about them."""
        told = record.args if isinstance(record.args, tuple) else ()
        for error in told:
            if isinstance(error, KafkaError) and not isinstance(error, KafkaTimeoutError):
                if type(error) is KafkaConnectionError and not error.args:
                    continue  # the client itself has closed a connection
                for heard in tuple(self.asking):
                    heard.append(_named(error))


_LISTENER: Final = _Listener()
_net = logging.getLogger("kafka.net")
_net.setLevel(logging.ERROR)  # below errors it writes its settings down, the password too
_net.propagate = False
_net.addHandler(_LISTENER)


@contextmanager
def with_reason() -> Generator[None]:
    """Raises for a time-out within what a broker refused meanwhile, or the time-out with what else was heard last.

    Every client of the process is heard: all have the same settings.
    """
    heard: list[KafkaError] = []
    _LISTENER.asking.append(heard)
    try:
        yield
    except KafkaTimeoutError as error:
        refused = [one for one in heard if isinstance(one, REFUSED)]
        certain = [one for one in refused if not isinstance(one, Broken)]
        if certain or (refused and len(refused) == len(heard)):
            raise (certain or refused)[-1] from error
        if heard:
            raise KafkaTimeoutError("; ".join(map(str, (heard[-1], *error.args)))) from error
        raise
    finally:
        _LISTENER.asking[:] = [one for one in _LISTENER.asking if one is not heard]


def saying_why(client: Callable[..., Any], **defaults: Any) -> Callable[..., Any]:
    """What makes such a client, with these settings where nothing else is said, and raises why it cannot."""

    @wraps(client)
    def make(*arguments: Any, **told: Any) -> Any:
        with with_reason():
            return client(*arguments, **defaults | told)

    return make


def _named(error: KafkaError) -> KafkaError:
    """The error; one of TLS as what it is."""
    inner = next((one for one in (*error.args, error.__context__) if isinstance(one, ssl.SSLError)), None)
    if inner is None:
        return error
    return (Broken if isinstance(inner, _OF_THE_LINE) else NotTrusted)(str(inner))
