"""The settings of Kafka: where it is, how we are known to it, how its topics are kept. Without them there is none."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

KEPT_BY: Final = 3
"""Brokers that keep every record in production: with fewer, the loss of one stops writing or loses records."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class KafkaSecurity(StrEnum):
    """How the way to the brokers is protected, in Kafka's own words."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def is_sealed(self) -> bool:
        """Whether nobody on the way can read along."""
        return self in (KafkaSecurity.SSL, KafkaSecurity.SASL_SSL)

    @property
    def asks_who(self) -> bool:
        """Whether the brokers ask for a name and a password."""
        return self in (KafkaSecurity.SASL_PLAINTEXT, KafkaSecurity.SASL_SSL)


class SaslMechanism(StrEnum):
    """How the password is shown to the brokers. PLAIN hands it over as it is."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class KafkaSettings(BaseSettings):
    """Part of `sarkmeli.settings.Settings`."""

    kafka_bootstrap_servers: str = Field(
        default="", description="Kafka's brokers to ask first, as host:port,host:port; no Kafka if empty."
    )
    kafka_security_protocol: KafkaSecurity = Field(
        default=KafkaSecurity.PLAINTEXT, description="`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`."
    )
    kafka_sasl_mechanism: SaslMechanism = Field(
        default=SaslMechanism.SCRAM_SHA_512, description="`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`."
    )
    kafka_sasl_username: str = Field(default="", description="The account at the brokers.")
    kafka_sasl_password: SecretStr = Field(default=SecretStr(""), description="Its password.")
    kafka_ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) that the brokers' are checked against; the system's if empty."
    )
    kafka_certificate_file: Path | None = Field(
        default=None, description="Our own certificate (PEM), where the brokers ask for one."
    )
    kafka_key_file: Path | None = Field(default=None, description="Its private key (PEM).")
    kafka_topic_prefix: str = Field(
        default="sarkmeli",
        pattern="^[a-z][a-z0-9._-]{0,60}$",
        description="What the names of topics, groups and transactional ids begin with.",
    )
    kafka_partitions: int = Field(
        default=6, ge=1, le=1000, description="Partitions of each topic of the stream, fixed when it is made."
    )
    kafka_replication: int = Field(
        default=1, ge=1, le=7, description="Brokers that keep every record; production asks for 3."
    )
    kafka_retention_days: int = Field(
        default=0, ge=0, description="Days for which the public topics keep a record, by its own time; 0 for ever."
    )
    kafka_internal: bool = Field(
        default=False, description="Whether the internal topic, for read models elsewhere, is written too."
    )

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _each_names_its_port(cls, text: str) -> str:
        servers = [server.strip() for server in text.split(",") if server.strip()]
        for server in servers:
            host, colon, port = server.rpartition(":")
            if not (host and colon and port.isdecimal() and 0 < int(port) < 65536):
                raise ValueError("not host:port,host:port")
        return ",".join(servers)

    @property
    def has_kafka(self) -> bool:
        """Whether there is a Kafka to speak to."""
        return bool(self.kafka_bootstrap_servers)

    def kafka_faults(self) -> list[str]:
        """What will not do anywhere: half an account, half a certificate. Empty without Kafka."""
        wrong: list[str] = []
        if self.has_kafka and self.kafka_security_protocol.asks_who:
            if not self.kafka_sasl_username:
                wrong.append("SARKMELI_KAFKA_SASL_USERNAME is empty")
            if not self.kafka_sasl_password.get_secret_value():
                wrong.append("SARKMELI_KAFKA_SASL_PASSWORD is empty")
        if self.kafka_certificate_file is None and self.kafka_key_file is not None:
            wrong.append("SARKMELI_KAFKA_CERTIFICATE_FILE is empty")
        return wrong

    def kafka_unfit_for_production(self) -> list[str]:
        """What stands between these settings and a public service: an open way off this machine, too few copies."""
        wrong = self.kafka_unfit_to_read()
        if self.has_kafka and not self._kafka_is_here and self.kafka_replication < KEPT_BY:
            wrong.append(f"SARKMELI_KAFKA_REPLICATION is less than {KEPT_BY}")
        return wrong

    def kafka_unfit_to_read(self) -> list[str]:
        """The same for who only reads: how topics are kept is none of its matters."""
        if not self.has_kafka or self._kafka_is_here:
            return []
        wrong: list[str] = []
        if not self.kafka_security_protocol.is_sealed:
            wrong.append("SARKMELI_KAFKA_SECURITY_PROTOCOL is in clear: SSL or SASL_SSL")
        if not self.kafka_security_protocol.asks_who and self.kafka_certificate_file is None:
            wrong.append("SARKMELI_KAFKA_CERTIFICATE_FILE is empty, and no account is given: anybody could write")
        return wrong

    @property
    def _kafka_is_here(self) -> bool:
        hosts = {server.rpartition(":")[0].strip("[]") for server in self.kafka_bootstrap_servers.split(",")}
        return hosts <= _LOOPBACK
