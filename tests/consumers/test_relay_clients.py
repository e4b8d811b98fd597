"""Other ways to the broker: over a line that swallows answers, with name and certificate, by Kafka's own tools."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from databases import ledger_and_keys
from kafka.admin import UserScramCredentialUpsertion
from kafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka_broker import broker_of_its_own
from neighbours import free_port
from relay_house import by_key, consumed, house_at, until
from relay_storm import Proxy

from consumers.kafka_clients import Admin, Producer
from consumers.kafka_reasons import NotTrusted
from consumers.relay.producer import SETTINGS
from sarkmeli.kafka import client
from sarkmeli.settings import Settings

STREAMS = [UUID(int=number) for number in range(1, 8)]

ANOTHER_WAY = """
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller}},OTHER://127.0.0.1:{there}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},OTHER://127.0.0.1:{told}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OTHER:{protocol}
"""


def test_an_answer_that_is_lost_doubles_nothing(new_database):
    """The broker has done what it was asked, and nobody hears of it: in sends, in commits, whatever is under way."""
    there = free_port()
    proxy = Proxy(there)
    with broker_of_its_own(extra=ANOTHER_WAY.format(there=there, told=proxy.port, protocol="PLAINTEXT")) as broker:
        house = house_at(new_database(ledger_and_keys), {"bootstrap_servers": [f"127.0.0.1:{proxy.port}"]})
        with house.relaying(batch=20):
            house.append(50, STREAMS)
            house.until_relayed()
            for passed in range(8):  # 100 events are five transactions, of two answers and more each
                before = proxy.swallowed
                proxy.swallow_after(passed)
                house.append(100, STREAMS)
                until(lambda before=before: proxy.swallowed > before)
                proxy.cut()
                proxy.swallow_after(None)
                house.until_relayed()
        direct = {"bootstrap_servers": [broker.bootstrap]}
        assert by_key(consumed(direct, house.facts.topic)) == house.facts_in_the_ledger()
    proxy.close()


def certificate(folder):
    """A certificate of its own for this machine: what the broker shows, with its key, and what clients check it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "broker.pem").write_bytes(private + shown)
    (folder / "ca.pem").write_bytes(shown)
    return folder / "broker.pem", folder / "ca.pem"


def test_the_relay_shows_who_it_is_on_a_sealed_way_and_never_its_password(new_database, tmp_path, caplog, monkeypatch):
    caplog.set_level("DEBUG")
    shown, checked_by = certificate(tmp_path)
    there = free_port()
    sealed = ANOTHER_WAY.format(there=there, told=there, protocol="SASL_SSL") + (
        "sasl.enabled.mechanisms=SCRAM-SHA-512\n"
        "listener.name.other.sasl.enabled.mechanisms=SCRAM-SHA-512\n"
        "listener.name.other.scram-sha-512.sasl.jaas.config="
        "org.apache.kafka.common.security.scram.ScramLoginModule required;\n"
        f"ssl.keystore.type=PEM\nssl.keystore.location={shown}\n"
    )
    with broker_of_its_own(extra=sealed) as broker:
        direct = {"bootstrap_servers": [broker.bootstrap]}
        admin = Admin(**direct)
        admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion("relay", "SCRAM-SHA-512", "s3cret-word", iterations=4096)]
        )
        admin.close()
        settings = Settings(
            kafka_bootstrap_servers=f"127.0.0.1:{there}",
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_username="relay",
            kafka_sasl_password="s3cret-word",
            kafka_ca_file=checked_by,
        )
        house = house_at(new_database(ledger_and_keys), client(settings))
        house.append(20, STREAMS)
        with house.relaying():
            house.until_relayed()
        assert by_key(consumed(direct, house.facts.topic)) == house.facts_in_the_ledger()
        for wrong, why in (
            ({"sasl_plain_password": "another-word"}, SaslAuthenticationFailedError),
            ({"sasl_mechanism": "PLAIN"}, UnsupportedSaslMechanismError),
            ({"ssl_cafile": None}, NotTrusted),
            (direct, NotTrusted),
            ({**direct, "security_protocol": "SASL_PLAINTEXT"}, IllegalSaslStateError),
        ):
            assert isinstance(until(lambda wrong=wrong: refusal({**client(settings), **wrong})), why)
        monkeypatch.setitem(SETTINGS, "bootstrap_timeout_ms", 1000)
        with house.relaying(kafka={**client(settings), "sasl_plain_password": "another-word"}):
            stopped = house.until_stopped()
        assert "SaslAuthenticationFailedError" in stopped
    for said in (caplog.text, stopped):
        assert "s3cret-word" not in said
        assert "another-word" not in said


def refusal(kafka):
    """Why the broker lets such a client in no more; None while it has not said anything."""
    try:
        Admin(**kafka, bootstrap_timeout_ms=1000).close()
    except KafkaTimeoutError:
        return None
    except KafkaError as error:
        return error
    raise AssertionError(f"it is let in with {kafka}")


def test_a_broker_that_is_away_is_no_refusal_and_it_is_said_why_it_cannot_be_reached():
    nobody = {"bootstrap_servers": [f"127.0.0.1:{free_port()}"]}
    with pytest.raises(KafkaTimeoutError, match=r"ECONNREFUSED; Unable to bootstrap"):
        Admin(**nobody, bootstrap_timeout_ms=500)


def test_kafkas_own_consumer_sees_the_same_records(new_database):
    with broker_of_its_own() as broker:
        house = house_at(new_database(ledger_and_keys), {"bootstrap_servers": [broker.bootstrap]})
        house.append(50, STREAMS)
        with house.relaying():
            house.until_relayed()
        somebody = Producer(**house.kafka, transactional_id="somebody")
        somebody.init_transactions()
        somebody.begin_transaction()
        somebody.send(house.facts.topic, b'{"version": 1}', b"given up").get(timeout=30)
        somebody.abort_transaction()
        somebody.close()
        tool = broker.command(
            "org.apache.kafka.tools.consumer.ConsoleConsumer",
            "--bootstrap-server", broker.bootstrap, "--topic", house.facts.topic, "--from-beginning",
            "--isolation-level", "read_committed", "--timeout-ms", "10000",
            "--property", "print.key=true", "--property", "print.headers=true",
        )  # fmt: skip
        ran = subprocess.run(tool, capture_output=True, text=True, check=False)
        seen = [line.split("\t") for line in ran.stdout.splitlines()]
        found = {}
        for headers, key, value in seen:
            version = json.loads(value)["version"]
            assert headers == f"ce_id:{key}/{version}"
            found.setdefault(key, []).append(version)
        assert found == house.facts_in_the_ledger(), ran.stderr
