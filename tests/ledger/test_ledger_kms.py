"""What holds keys, by one contract: the folder, and a PKCS#11 token (SoftHSM2) reached through its real module."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pkcs11
import pytest
import softhsm
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.aead import Tampered
from ledger.kms import CHECKPOINT, EPOCH, KeyFolder, KeysMissing, Kms, KmsUnavailable, open_kms
from ledger.pkcs11_kms import Pkcs11Token
from ledger.token_place import TokenPlace


@pytest.fixture
def place() -> TokenPlace:
    return softhsm.new_token(f"office {uuid4().hex[:8]}; ü/?&")


@pytest.fixture
def token(place: TokenPlace) -> Iterator[Pkcs11Token]:
    made = Pkcs11Token(place)
    yield made
    made.close()


@pytest.fixture(params=["folder", "token"])
def kms(request: pytest.FixtureRequest, tmp_path: Path) -> Kms:
    return KeyFolder(tmp_path / "keys") if request.param == "folder" else request.getfixturevalue("token")


def test_what_is_wrapped_opens_under_its_key_and_context_only(kms: Kms) -> None:
    kms.create(EPOCH, 1)
    kms.create(EPOCH, 2)
    wrapped = kms.wrap(EPOCH, 1, secret := os.urandom(48), b"here")
    assert kms.unwrap(EPOCH, 1, wrapped, b"here") == secret
    assert kms.wrap(EPOCH, 1, secret, b"here") != wrapped
    for version, tried, context in (
        (2, wrapped, b"here"),
        (1, wrapped, b"there"),
        (1, wrapped[:-1], b"here"),
        (1, wrapped[:-1] + bytes([wrapped[-1] ^ 1]), b"here"),
        (1, b"\x02" + wrapped[1:], b"here"),
        (1, b"", b"here"),
    ):
        with pytest.raises(Tampered):
            kms.unwrap(EPOCH, version, tried, context)
    assert kms.unwrap(EPOCH, 1, wrapped, b"here") == secret, "and what did not open breaks nothing"


def test_a_key_is_made_once_and_known_by_its_fingerprint(kms: Kms) -> None:
    for name in (EPOCH, "mac", "code"):
        kms.create(name, 1)
        kms.create(name, 2)
        first = kms.fingerprint(name, 1)
        kms.create(name, 1)
        assert len(first) == 16
        assert kms.fingerprint(name, 1) == first != kms.fingerprint(name, 2)
        assert kms.versions(name) == (1, 2)
        with pytest.raises(KeysMissing):
            kms.fingerprint(name, 3)
    assert kms.mac("mac", 1, b"a") == kms.mac("mac", 1, b"a") != kms.mac("mac", 2, b"a")
    assert len(kms.mac("code", 1, b"a")) == 32


def test_a_signature_is_anybodys_ed25519(kms: Kms) -> None:
    kms.create(CHECKPOINT, 1)
    public = Ed25519PublicKey.from_public_bytes(kms.public(CHECKPOINT, 1))
    public.verify(kms.sign(CHECKPOINT, 1, b"root"), b"root")
    with pytest.raises(InvalidSignature):
        public.verify(kms.sign(CHECKPOINT, 1, b"root"), b"other")
    assert kms.versions(CHECKPOINT) == (1,)


def test_a_disabled_key_does_nothing_and_a_destroyed_one_is_gone(kms: Kms) -> None:
    kms.create(EPOCH, 1)
    wrapped = kms.wrap(EPOCH, 1, b"secret", b"")
    kms.disable(EPOCH, 1)
    kms.disable(EPOCH, 1)
    kms.create(EPOCH, 1)
    for use in (
        lambda: kms.unwrap(EPOCH, 1, wrapped, b""),
        lambda: kms.wrap(EPOCH, 1, b"", b""),
        lambda: kms.fingerprint(EPOCH, 1),
    ):
        with pytest.raises(KeysMissing, match="ledger restored"):
            use()
    assert kms.versions(EPOCH) == (1,)
    kms.enable(EPOCH, 1)
    kms.enable(EPOCH, 1)
    assert kms.unwrap(EPOCH, 1, wrapped, b"") == b"secret"
    kms.disable(EPOCH, 1)
    for _ in range(2):
        kms.destroy(EPOCH, 1)
        kms.disable(EPOCH, 1)
        kms.enable(EPOCH, 1)
    assert kms.versions(EPOCH) == ()
    kms.create(EPOCH, 1)
    with pytest.raises(Tampered):
        kms.unwrap(EPOCH, 1, wrapped, b"")


def test_many_threads_share_a_holder(kms: Kms) -> None:
    kms.create(EPOCH, 1)
    kms.create("mac", 1)

    def work(number: int) -> bool:
        secret = os.urandom(48)
        kms.mac("mac", 1, secret)
        return kms.unwrap(EPOCH, 1, kms.wrap(EPOCH, 1, secret, bytes([number % 7])), bytes([number % 7])) == secret

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(400)))


# -- of a token ---------------------------------------------------------------------------------------------------


def test_no_key_leaves_the_token(token: Pkcs11Token) -> None:
    for name in (EPOCH, "mac", "code", CHECKPOINT):
        token.create(name, 1)
    session = token._live()
    kept = [*session.get_objects({pkcs11.Attribute.PRIVATE: True})]
    assert len(kept) == 4
    for key in kept:
        facts = (pkcs11.Attribute.SENSITIVE, pkcs11.Attribute.EXTRACTABLE, pkcs11.Attribute.LOCAL,
                 pkcs11.Attribute.ALWAYS_SENSITIVE, pkcs11.Attribute.NEVER_EXTRACTABLE)  # fmt: skip
        assert [key[fact] for fact in facts] == [True, False, True, True, True]
        with pytest.raises((pkcs11.AttributeSensitive, pkcs11.AttributeTypeInvalid)):
            key[pkcs11.Attribute.VALUE]
    wrapping = session.generate_key(pkcs11.KeyType.AES, 256, capabilities=pkcs11.MechanismFlag.WRAP)
    with pytest.raises(pkcs11.PKCS11Error):
        wrapping.wrap_key(kept[0])


def test_a_session_that_dies_is_replaced(token: Pkcs11Token) -> None:
    token.create(EPOCH, 1)
    wrapped = token.wrap(EPOCH, 1, b"secret", b"")
    pkcs11.lib(token.place.module)
    for kill in (
        lambda: token._session.close(),
        lambda: pkcs11.lib(token.place.module).reinitialize(),
        lambda: pkcs11.lib(token.place.module).finalize(),
    ):
        for use in (
            lambda: token.unwrap(EPOCH, 1, wrapped, b"") == b"secret",
            lambda: token.versions(EPOCH) == (1,),
            lambda: token.create(EPOCH, 1) is None,
            lambda: token.disable(EPOCH, 2) is None,
        ):
            kill()
            assert use()
    assert len(token.versions(EPOCH)) == 1


def test_a_token_that_is_away_is_told_of_and_found_again(token: Pkcs11Token, tmp_path: Path) -> None:
    token.create(EPOCH, 1)
    wrapped = token.wrap(EPOCH, 1, b"secret", b"")
    folder = softhsm.configure()
    away = folder.rename(folder.with_name("away"))
    pkcs11.lib(token.place.module).finalize()
    try:
        with pytest.raises(KmsUnavailable, match=r"token office .* does not do its work"):
            token.unwrap(EPOCH, 1, wrapped, b"")
    finally:
        folder.rmdir() if folder.exists() else None
        away.rename(folder)
    assert token.unwrap(EPOCH, 1, wrapped, b"") == b"secret"


def test_a_refused_pin_is_not_tried_until_the_token_locks(place: TokenPlace, tmp_path: Path) -> None:
    pin_file = tmp_path / "pin"
    pin_file.write_text("wrong\n")
    mistaken = Pkcs11Token(TokenPlace(place.module, place.token, pin_file=str(pin_file)))
    with pytest.raises(KmsUnavailable, match="PinIncorrect"):
        mistaken.create(EPOCH, 1)
    for _ in range(3):
        with pytest.raises(KmsUnavailable, match="not tried again"):
            mistaken.create(EPOCH, 1)
    pin_file.write_text(f"{softhsm.PIN}\n")
    mistaken.create(EPOCH, 1)
    assert mistaken.versions(EPOCH) == (1,)
    mistaken.close()


@pytest.mark.parametrize("wrong", ["token", "module", "pin file"])
def test_what_is_wrong_is_said_without_the_pin(place: TokenPlace, wrong: str) -> None:
    made = {
        "token": TokenPlace(place.module, "nobody's", softhsm.PIN),
        "module": TokenPlace("/nowhere/module.so", place.token, softhsm.PIN),
        "pin file": TokenPlace(place.module, place.token, pin_file="/nowhere/pin"),
    }[wrong]
    with pytest.raises(KmsUnavailable) as said:
        Pkcs11Token(made).create(EPOCH, 1)
    named = {"token": "nobody's", "module": "/nowhere/module.so", "pin file": "/nowhere/pin"}[wrong]
    assert named in str(said.value)
    assert softhsm.PIN not in str(said.value) + repr(made)


def test_the_address_of_a_token_is_read_as_written(tmp_path: Path) -> None:
    for place in (
        TokenPlace("/usr/lib/a b.so", "tok;en?&=ü", pin="p&i=n %"),
        TokenPlace("/usr/lib/a.so", "token", pin_file="/etc/pin file"),
    ):
        assert TokenPlace.parse(place.uri) == place
        assert open_kms(place.uri) is open_kms(place.uri)
    assert isinstance(open_kms(tmp_path), KeyFolder)
    assert isinstance(open_kms(str(tmp_path)), KeyFolder)
    with pytest.raises(ValueError, match="module-path"):
        open_kms("pkcs11:token=a")


def test_another_process_finds_the_same_keys_and_what_it_destroys_is_gone_here(token: Pkcs11Token) -> None:
    token.create(EPOCH, 1)
    wrapped = token.wrap(EPOCH, 1, b"secret", b"")
    code = """
import os, sys
from ledger.kms import KeysMissing, open_kms
kms = open_kms(sys.argv[1])
assert kms.unwrap("epoch", 1, bytes.fromhex(sys.argv[2]), b"") == b"secret"
if os.fork() == 0:
    ours = kms.unwrap("epoch", 1, bytes.fromhex(sys.argv[2]), b"") == b"secret"
    os._exit(0 if ours else 1)
assert os.wait()[1] == 0
kms.destroy("epoch", 1)
"""
    subprocess.run([sys.executable, "-c", code, token.place.uri, wrapped.hex()], check=True, timeout=60)
    with pytest.raises(KeysMissing, match="holds no key sarkmeli-epoch-1"):
        token.unwrap(EPOCH, 1, wrapped, b"")
