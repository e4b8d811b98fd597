"""How every client of ours reaches Kafka: kafka-python's arguments, from the settings."""

from __future__ import annotations

import logging
from typing import Any, Final

from sarkmeli.settings import Settings, WrongFile

_FILES: Final = {
    "ssl_cafile": "kafka_ca_file",
    "ssl_certfile": "kafka_certificate_file",
    "ssl_keyfile": "kafka_key_file",
}

# Below errors it writes its settings down, the password too. `consumers.kafka_reasons` listens to ``kafka.net``.
logging.getLogger("kafka").setLevel(logging.ERROR)


class NoKafka(Exception):
    """The settings name no Kafka."""

    def __init__(self) -> None:
        super().__init__("SARKMELI_KAFKA_BOOTSTRAP_SERVERS is empty: there is no Kafka to speak to")


def client(settings: Settings) -> dict[str, Any]:
    """What producers, consumers and admin clients of kafka-python take alike. Holds the password: never log it.

    Raises: NoKafka; WrongFile if a certificate cannot be read.
    """
    if not settings.has_kafka:
        raise NoKafka
    told: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers.split(","),
        "security_protocol": settings.kafka_security_protocol.value,
    }
    if settings.kafka_security_protocol.asks_who:
        told |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism.value,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password.get_secret_value(),
        }
    if settings.kafka_security_protocol.is_sealed:
        for argument, name in _FILES.items():
            if (path := _readable(settings, name)) is not None:
                told[argument] = path
    return told


def _readable(settings: Settings, name: str) -> str | None:
    path = getattr(settings, name)
    if path is None:
        return None
    try:
        path.open("rb").close()
    except OSError as error:
        raise WrongFile(f"SARKMELI_{name.upper()}: {error}") from None
    return str(path.absolute())
