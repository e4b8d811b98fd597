"""An office with production settings and its keys in a PKCS#11 token: it starts, works, and keeps no key in a file."""

from __future__ import annotations

import os
from uuid import uuid4

import pytest
import softhsm
from running_office import sarkmeli
from test_settings import PUBLIC

from sarkmeli.auditing import verify_ledger
from sarkmeli.following import open_checkpoints
from sarkmeli.house import open_house
from sarkmeli.settings import Settings


@pytest.fixture
def token_settings(new_database, tmp_path, monkeypatch):
    """The environment of a public office, whose databases and token are real."""
    place = softhsm.new_token(f"office {uuid4().hex[:8]}")
    pin = tmp_path / "pin"
    pin.write_text(f"{softhsm.PIN}\n")
    pin.chmod(0o600)
    for name, value in PUBLIC.items():
        monkeypatch.setenv(name, value)
    for name, value in {
        "FOLDER": tmp_path / "office", "DATABASE_URL": new_database(), "KEYS_DATABASE_URL": new_database(),
        "PKCS11_MODULE": place.module, "PKCS11_TOKEN": place.token, "PKCS11_PIN_FILE": pin,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"SARKMELI_{name}", str(value))
    return Settings()


def test_a_public_office_starts_with_its_keys_in_a_token_alone(token_settings):
    status, said = sarkmeli("migrate", **os.environ)
    assert status == 0, said
    assert token_settings.production
    with open_house(token_settings) as house:
        subject = house.ledger.keys.mint()
        sealed = house.ledger.keys.seal(subject, b"CANARY", b"")
        assert house.ledger.keys.code(subject, "compatriot", "1234567890", 1, 1)
    with open_checkpoints(token_settings) as checkpoints:
        checkpoints.run_once()
    with open_house(token_settings) as house:
        assert house.ledger.keys.unseal(subject, sealed, b"") == b"CANARY"
    assert not verify_ledger(token_settings, None), "nothing was published yet"
    files = [path.name for path in token_settings.keys.rglob("*") if path.is_file()]
    assert sorted(files) == ["checkpoint-1.pub", "checkpoint-1.turn"]


def test_a_token_that_does_not_open_is_told_in_a_sentence(token_settings, tmp_path):
    (tmp_path / "pin").write_text("not this one")
    status, said = sarkmeli("migrate", **os.environ)
    assert status == 1
    assert f"token {token_settings.pkcs11_token}" in said
    assert "PinIncorrect" in said
    assert "not this one" not in said
    assert "Traceback" not in said
