"""Settings: defaults that need nothing, production that refuses what is for trying out, errors that name a variable."""

import json
from datetime import date, time

import pytest
from pydantic import ValidationError
from running_office import sarkmeli
from typer.testing import CliRunner

from domain.calendar import ROUND_THE_CLOCK
from domain.compatriot.state import State
from domain.language import Language
from sarkmeli.cli import app
from sarkmeli.kafka import NoKafka, client
from sarkmeli.neighbours import Neighbours, sandbox_credentials
from sarkmeli.rules import compatriot_rules, hours, payment_rules, service_centres, taxpayer_hours, videobar_rules
from sarkmeli.settings import MailSecurity, Settings, WrongFile

PUBLIC = {
    "SARKMELI_PRODUCTION": "true",
    "SARKMELI_PUBLIC_URL": "https://window.example.ge",
    "SARKMELI_DATABASE_URL": "postgresql://ledger/sarkmeli",
    "SARKMELI_CIVIL_REGISTRY_URL": "https://registry.example.ge",
    "SARKMELI_CIVIL_REGISTRY_API_KEY": "key",
    "SARKMELI_PUBLIC_REGISTRY_URL": "https://public-registry.example.ge",
    "SARKMELI_PUBLIC_REGISTRY_API_KEY": "key",
    "SARKMELI_SMS_URL": "https://sms.example.ge",
    "SARKMELI_SMS_API_KEY": "key",
    "SARKMELI_BANK_URL": "https://bank.example.ge",
    "SARKMELI_BANK_API_KEY": "key",
    "SARKMELI_BANK_SIGNING_SECRETS": '["secret"]',
    "SARKMELI_ISSUER": "https://staff.example.ge",
    "SARKMELI_CLIENT_SECRET": "secret",
    "SARKMELI_SMTP_HOST": "mail.example.ge",
    "SARKMELI_BAR_HOURS": "09:00-18:00",
    "SARKMELI_KMS": "pkcs11",
    "SARKMELI_PKCS11_MODULE": "/usr/lib/softhsm/libsofthsm2.so",
    "SARKMELI_PKCS11_TOKEN": "sarkmeli",
    "SARKMELI_PKCS11_PIN_FILE": "/etc/sarkmeli/pin",
}


def test_nothing_needs_to_be_set(monkeypatch, tmp_path):
    settings = Settings(folder=tmp_path)
    assert settings.url == "http://localhost:8000"
    assert settings.uses_sandbox
    neighbours = Neighbours.of(settings)
    assert neighbours.bank_url == f"{settings.sandbox_url}/bank"
    assert neighbours.bank_signing_secrets == (sandbox_credentials(tmp_path)["bank_signing_secret"],)
    assert hours(settings) == ROUND_THE_CLOCK
    assert compatriot_rules(settings).refunded_endings == {State.RECEPTION_REFUSED}
    assert videobar_rules(settings).bars["compatriot"].broken_off_limit == 3
    assert payment_rules(settings).order_lifetime.days == 1


def test_production_names_everything_that_is_only_for_trying_out(monkeypatch):
    monkeypatch.setenv("SARKMELI_PRODUCTION", "true")
    with pytest.raises(ValidationError) as refused:
        Settings()
    told = str(refused.value)
    for name in PUBLIC:
        if name != "SARKMELI_PRODUCTION" and "PKCS11" not in name:
            assert name in told
    assert "SARKMELI_KMS is folder" in told


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SARKMELI_PUBLIC_URL", "http://window.example.ge"),
        ("SARKMELI_ISSUER", "http://staff.example.ge"),
        ("SARKMELI_SMTP_SECURITY", "none"),
        ("SARKMELI_PUBLIC_REGISTRY_URL", "http://public-registry.example.ge"),
        ("SARKMELI_SMS_URL", "http://sms.example.ge"),
        ("SARKMELI_PASSWORD_COST", "m=1024,t=1,p=1"),
        ("SARKMELI_BAR_HOURS", ""),
    ],
)
def test_production_refuses_an_open_way(monkeypatch, variable, value):
    for name, good in PUBLIC.items():
        monkeypatch.setenv(name, good)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError, match=variable):
        Settings()


def test_these_settings_are_fit_for_the_public_and_those_with_keys_in_files_are_not(monkeypatch):
    for name, good in PUBLIC.items():
        monkeypatch.setenv(name, good)
    assert Settings().production
    monkeypatch.setenv("SARKMELI_KMS", "folder")
    with pytest.raises(ValidationError, match="SARKMELI_KMS is folder"):
        Settings()


KAFKA = {
    "SARKMELI_KAFKA_BOOTSTRAP_SERVERS": "kafka-1.example.ge:9093, kafka-2.example.ge:9093",
    "SARKMELI_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "SARKMELI_KAFKA_SASL_USERNAME": "relay",
    "SARKMELI_KAFKA_SASL_PASSWORD": "s3cret-word",
    "SARKMELI_KAFKA_REPLICATION": "3",
}


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({}, None),
        ({"SECURITY_PROTOCOL": "SASL_PLAINTEXT"}, "SARKMELI_KAFKA_SECURITY_PROTOCOL is in clear"),
        ({"SECURITY_PROTOCOL": "SSL"}, "SARKMELI_KAFKA_CERTIFICATE_FILE is empty"),
        ({"REPLICATION": "1"}, "SARKMELI_KAFKA_REPLICATION is less than 3"),
        ({"SASL_PASSWORD": ""}, "SARKMELI_KAFKA_SASL_PASSWORD is empty"),
        ({"BOOTSTRAP_SERVERS": "kafka-1.example.ge"}, "host:port"),
        ({"BOOTSTRAP_SERVERS": "localhost:9092", "SECURITY_PROTOCOL": "PLAINTEXT", "REPLICATION": "1"}, None),
        ({"BOOTSTRAP_SERVERS": "localhost:9092,kafka-1:9092", "SECURITY_PROTOCOL": "PLAINTEXT"}, "is in clear"),
        ({"BOOTSTRAP_SERVERS": "", "SECURITY_PROTOCOL": "PLAINTEXT", "REPLICATION": "1"}, None),
    ],
)
def test_production_speaks_to_kafka_in_clear_on_this_machine_alone(monkeypatch, change, refused):
    given = {**PUBLIC, **KAFKA, **{f"SARKMELI_KAFKA_{name}": value for name, value in change.items()}}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    if refused is None:
        assert "s3cret-word" not in repr(Settings())
    else:
        with pytest.raises(ValidationError, match=refused) as told:
            Settings()
        assert "s3cret-word" not in str(told.value.errors(include_input=False))


@pytest.mark.parametrize(
    ("command", "given", "refused"),
    [
        ("warehouse tidy", KAFKA, None),
        ("warehouse tidy", {}, None),
        ("warehouse tidy", {**KAFKA, "SARKMELI_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "PROTOCOL is in clear"),
        ("warehouse tidy", {"SARKMELI_WAREHOUSE": "http://catalog.example.ge"}, "SARKMELI_WAREHOUSE is not https"),
        ("analytics refresh", {}, None),
        ("analytics refresh", {"SARKMELI_WAREHOUSE": "http://catalog.example.ge"}, "SARKMELI_WAREHOUSE is not https"),
        ("mirror rebuild status", KAFKA, "SARKMELI_MIRROR_DATABASE_URL is empty"),
        ("mirror rebuild status", {**KAFKA, "SARKMELI_MIRROR_DATABASE_URL": "host=nowhere.invalid"}, None),
        ("mirror rebuild status", {**KAFKA, "SARKMELI_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "PROTOCOL is in clear"),
        ("relay status", KAFKA, "SARKMELI_BANK_URL is the sandbox's"),
    ],
)
def test_production_asks_who_works_apart_for_what_concerns_it(monkeypatch, tmp_path, command, given, refused):
    monkeypatch.setenv("SARKMELI_PRODUCTION", "true")
    monkeypatch.setattr("sarkmeli.logs.configure", lambda *_, **__: None)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    if not command.startswith("relay"):
        monkeypatch.delenv("SARKMELI_KAFKA_REPLICATION", raising=False)
    told = CliRunner().invoke(app, [*command.split(), "--folder", str(tmp_path)])
    if refused is None:
        assert "not fit for production" not in told.output
        assert "BANK" not in told.output
        assert (told.exit_code == 0) is not command.startswith("mirror"), told.output
    else:
        assert told.exit_code == 1
        assert refused in told.output


def test_snapshots_are_kept_for_two_rounds_of_whoever_refreshes_from_them(tmp_path):
    assert Settings(warehouse_tidy_every=1800, warehouse_snapshot_hours=1)
    with pytest.raises(ValidationError, match="SARKMELI_WAREHOUSE_SNAPSHOT_HOURS is less than two rounds"):
        Settings(warehouse_tidy_every=1801, warehouse_snapshot_hours=1)


def test_every_kafka_client_is_told_the_same(tmp_path):
    with pytest.raises(NoKafka, match="SARKMELI_KAFKA_BOOTSTRAP_SERVERS is empty"):
        client(Settings())
    ours = tmp_path / "ca.pem"
    given = {name.removeprefix("SARKMELI_").lower(): value for name, value in KAFKA.items()}
    settings = Settings(**given, kafka_ca_file=ours)
    with pytest.raises(WrongFile, match="SARKMELI_KAFKA_CA_FILE: "):
        client(settings)
    ours.touch()
    told = client(settings)
    assert told["bootstrap_servers"] == ["kafka-1.example.ge:9093", "kafka-2.example.ge:9093"]
    assert (told["security_protocol"], told["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (told["sasl_plain_password"], told["ssl_cafile"]) == ("s3cret-word", str(ours))


@pytest.mark.parametrize("missing", ["MODULE", "TOKEN", "PIN_FILE"])
def test_a_token_is_named_in_full(monkeypatch, missing):
    for name, good in PUBLIC.items():
        monkeypatch.setenv(name, good)
    monkeypatch.delenv(f"SARKMELI_PKCS11_{missing}")
    with pytest.raises(ValidationError, match=f"SARKMELI_PKCS11_{missing} is empty"):
        Settings()


def test_secrets_are_not_shown(monkeypatch):
    for name in ("SARKMELI_BANK_API_KEY", "SARKMELI_CLIENT_SECRET", "SARKMELI_SMTP_PASSWORD", "SARKMELI_PKCS11_PIN"):
        monkeypatch.setenv(name, "s3cret-word")
    monkeypatch.setenv("SARKMELI_DATABASE_URL", "postgresql://u:s3cret-word@ledger/sarkmeli")
    settings = Settings()
    assert "s3cret-word" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_a_setting_of_a_neighbour_is_taken_and_the_sandbox_never_asked(monkeypatch, tmp_path):
    for name, value in PUBLIC.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SARKMELI_PRODUCTION")
    neighbours = Neighbours.of(Settings(folder=tmp_path))
    assert (neighbours.bank_url, neighbours.audience) == ("https://bank.example.ge", "sarkmeli")
    assert neighbours.smtp_security is MailSecurity.STARTTLS
    assert list(tmp_path.iterdir()) == []


def test_what_a_newer_release_shares_with_the_sandbox_is_minted_beside_what_was_there(tmp_path):
    first = sandbox_credentials(tmp_path)
    path = tmp_path / "sandbox" / "credentials.json"
    path.write_text(json.dumps({name: value for name, value in first.items() if name != "sms_api_key"}))
    later = sandbox_credentials(tmp_path)
    assert later == json.loads(path.read_text()) == {**first, "sms_api_key": later["sms_api_key"]}
    assert later["sms_api_key"] not in ("", first["sms_api_key"])


def test_an_agency_puts_in_its_own_centres_and_fees(tmp_path):
    ours = service_centres(Settings())
    assert len(ours.all(Language.KA)) > 10
    theirs = tmp_path / "centres.toml"
    table = 'id = "gori"\nname = {ka = "გ", en = "G"}\naddress = {ka = "გ", en = "G"}\nplace = {ka = "გ", en = "G"}'
    theirs.write_text(f"[[centre]]\n{table}\nlatitude = 42.0\nlongitude = 44.1\n", encoding="utf-8")
    (only,) = service_centres(Settings(centres_file=theirs)).nearest("ბათუმი", Language.EN)
    assert only.centre.id == "gori"
    theirs.write_text("[[centre]]\nid = 5", encoding="utf-8")
    for name, read in (("centres_file", service_centres), ("fees_file", compatriot_rules)):
        for wrong in (theirs, tmp_path / "missing.toml"):
            with pytest.raises(WrongFile, match=f"SARKMELI_{name.upper()}: "):
                read(Settings(**{name: wrong}))


def test_hours_and_days_off_are_settings(monkeypatch):
    monkeypatch.setenv("SARKMELI_BAR_HOURS", "09:00-18:00")
    monkeypatch.setenv("SARKMELI_HOLIDAYS", '["2026-05-26"]')
    opening = hours(Settings())
    assert (opening.opens.hour, opening.closes.hour, len(opening.holidays)) == (9, 18, 1)


def test_the_taxpayers_bar_keeps_its_published_hours_but_in_the_sandbox(monkeypatch):
    assert taxpayer_hours(Settings()).round_the_clock
    for name, good in PUBLIC.items():
        monkeypatch.setenv(name, good)
    monkeypatch.setenv("SARKMELI_TAXPAYER_HOLIDAYS", '["2026-05-26"]')
    opening = taxpayer_hours(Settings())
    assert (opening.opens, opening.closes, len(opening.weekdays)) == (time(9), time(18), 5)
    assert opening.holidays == {date(2026, 5, 26)}
    monkeypatch.setenv("SARKMELI_TAXPAYER_BAR_HOURS", "10:00-17:00")
    assert taxpayer_hours(Settings()).opens == time(10)


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "eighty"), ("WARNING_DAYS", "0"), ("HOLIDAYS", "tomorrow"), ("PASSWORD_COST", "dear")]
)
def test_a_wrong_value_is_told_by_its_variable_and_not_as_a_traceback(name, value):
    status, said = sarkmeli("migrate", **{f"SARKMELI_{name}": value})
    assert status == 1
    assert f"SARKMELI_{name}" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ('["statsu"]', "no read model statsu that can be mirrored; there are status, case, registration"),
        ('["status", "status"]', "a read model is named twice"),
    ],
)
def test_what_is_mirrored_is_named_by_names_that_there_are(monkeypatch, models, said):
    """The API asks the mirror, too: it must not begin with a name that it then does not find."""
    monkeypatch.setenv("SARKMELI_MIRROR_MODELS", models)
    with pytest.raises(ValidationError, match=said):
        Settings()
    monkeypatch.setenv("SARKMELI_MIRROR_MODELS", '["case"]')
    assert Settings().mirror_models == ("case",)


def test_the_schema_file_is_current():
    status, said = sarkmeli("schema", "--check")
    assert (status, said) == (0, "")
