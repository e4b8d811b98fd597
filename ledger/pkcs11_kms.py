"""Keys in a PKCS#11 token (a hardware security module, or SoftHSM2): made there, used there, never outside.

OASIS PKCS #11 v2.40. Each key is a token object, private, sensitive and not extractable, labelled
``sarkmeli-NAME-VERSION``: AES-256 wraps by AES-GCM, a generic secret hashes by HMAC-SHA-256, an Ed25519 pair signs.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from functools import partial
from threading import RLock
from typing import Any, Final, TypeVar, cast

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from ledger.aead import FORMAT, KEY_BYTES, NONCE_BYTES, Tampered, bind
from ledger.kms import CHECKPOINT, EPOCH, KeysMissing, KmsUnavailable, disabled
from ledger.token_place import TokenPlace

T = TypeVar("T")

LABEL: Final = "sarkmeli"
TAG_BITS: Final = 128
BITS: Final = KEY_BYTES * 8
ED25519: Final = "1.3.101.112"
_FINGERPRINT: Final = b"sarkmeli key fingerprint"
_NOT_PERMITTED: Final = "0x68"
"""CKR_KEY_FUNCTION_NOT_PERMITTED, which the binding has no class for: the key is disabled."""
_GONE: Final = (pkcs11.ObjectHandleInvalid, pkcs11.KeyHandleInvalid)
"""Another process destroyed the key whose handle we remember."""
_UNREADABLE: Final = (pkcs11.EncryptedDataInvalid, pkcs11.EncryptedDataLenRange, pkcs11.DataInvalid)
_REFUSED: Final = (
    pkcs11.PinIncorrect,
    pkcs11.PinInvalid,
    pkcs11.PinLenRange,
    pkcs11.PinLocked,
    pkcs11.PinExpired,
    pkcs11.UserPinNotInitialized,
)

_CREATED: Final[dict[Attribute, Any]] = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.MODIFIABLE: True,
}

_modules: dict[str, RLock] = {}
"""A lock for each module. The binding initialises a module for one thread, so one thread at a time is in it."""


class Pkcs11Token:
    """Implements `ledger.kms.Kms`. Safe for many threads, which take turns; after a fork the child logs in anew.

    A session that died (the token was away, the module lost its line) is replaced once an operation, silently; if that
    does not help, KmsUnavailable. A PIN that was refused is not tried again, so that the token does not lock.
    """

    def __init__(self, place: TokenPlace) -> None:
        self.place = place
        self._lock = _modules.setdefault(place.module, RLock())
        self._session: Any = None
        self._opened_by = 0
        self._keys: dict[tuple[str, int, ObjectClass], Any] = {}
        self._pin_refused: str | None = None

    # -- what a Kms does -----------------------------------------------------------------------------------------

    def create(self, name: str, version: int) -> None:
        def make(session: Any) -> None:
            if self._labelled(session, _label(name, version)):
                return
            try:
                self._make(session, name, version)
            except (pkcs11.MechanismInvalid, pkcs11.TemplateInconsistent, pkcs11.FunctionNotSupported) as error:
                kind = type(error).__name__
                raise KmsUnavailable(f"token {self.place.token} cannot make the key {name}-{version}: {kind}") from None

        self._within(make)

    def versions(self, name: str) -> tuple[int, ...]:
        called = re.compile(re.escape(f"{LABEL}-{name}-") + r"([0-9]+)")

        def look(session: Any) -> tuple[int, ...]:
            labels = [str(one[Attribute.LABEL]) for one in self._search(session, {})]
            return tuple(sorted({int(found[1]) for label in labels if (found := called.fullmatch(label))}))

        return self._within(look)

    def fingerprint(self, name: str, version: int) -> bytes:
        if name != EPOCH:
            return self.mac(name, version, _FINGERPRINT)[:16]
        # The tag of nothing under a nonce that `wrap` draws with a chance of 2^-96: a value of the key's alone.
        params = GCMParams(bytes(NONCE_BYTES), _FINGERPRINT, TAG_BITS)
        return self._using(
            name, version, lambda key: key.encrypt(b"", mechanism=Mechanism.AES_GCM, mechanism_param=params)
        )

    def wrap(self, name: str, version: int, plain: bytes, context: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        params = GCMParams(nonce, _associated(name, version, context), TAG_BITS)
        sealed = self._using(
            name, version, lambda key: key.encrypt(plain, mechanism=Mechanism.AES_GCM, mechanism_param=params)
        )
        return FORMAT + nonce + sealed

    def unwrapper(self, name: str, version: int) -> Callable[[bytes, bytes], bytes]:
        return partial(self.unwrap, name, version)

    def unwrap(self, name: str, version: int, wrapped: bytes, context: bytes) -> bytes:
        if wrapped[:1] != FORMAT or len(wrapped) < 1 + NONCE_BYTES + TAG_BITS // 8:
            raise Tampered("sealed in no known format")
        nonce, sealed = wrapped[1 : NONCE_BYTES + 1], wrapped[NONCE_BYTES + 1 :]
        params = GCMParams(nonce, _associated(name, version, context), TAG_BITS)

        def open_(key: Any) -> bytes:
            try:
                return key.decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=params)
            except _UNREADABLE:
                pass
            except (pkcs11.GeneralError, pkcs11.FunctionFailed):
                # What some modules say of a wrong tag, and all of a fault of their own: the key, tried, decides.
                key.encrypt(b"", mechanism=Mechanism.AES_GCM, mechanism_param=params)
            raise Tampered("sealed bytes do not open under the key and place that they claim")

        return self._using(name, version, open_)

    def mac(self, name: str, version: int, message: bytes) -> bytes:
        return self._using(name, version, lambda key: key.sign(message, mechanism=Mechanism.SHA256_HMAC))

    def public(self, name: str, version: int) -> bytes:
        point = self._using(name, version, lambda key: cast(bytes, key[Attribute.EC_POINT]), ObjectClass.PUBLIC_KEY)
        return point[-32:]  # behind the two bytes of an OCTET STRING, which some tokens leave out

    def sign(self, name: str, version: int, message: bytes) -> bytes:
        return self._using(
            name, version, lambda key: key.sign(message, mechanism=Mechanism.EDDSA), ObjectClass.PRIVATE_KEY
        )

    def disable(self, name: str, version: int) -> None:
        self._permit(name, version, permitted=False)

    def enable(self, name: str, version: int) -> None:
        self._permit(name, version, permitted=True)

    def destroy(self, name: str, version: int) -> None:
        def end(session: Any) -> None:
            for found in self._labelled(session, _label(name, version)):
                found.destroy()

        self._within(end)
        self._forget(name, version)

    def close(self) -> None:
        """End the session; the next use begins another."""
        with self._lock:
            self._drop()

    # -- keys ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _make(session: Any, name: str, version: int) -> None:
        label = _label(name, version)
        if name == EPOCH:
            can = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
            session.generate_key(KeyType.AES, BITS, label=label, store=True, capabilities=can, template=_CREATED)
        elif name == CHECKPOINT:
            curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(ED25519)}
            session.create_domain_parameters(KeyType.EC_EDWARDS, curve, local=True).generate_keypair(
                mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
                label=label,
                store=True,
                capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                private_template=_CREATED,
            )
        else:
            session.generate_key(
                KeyType.GENERIC_SECRET,
                BITS,
                label=label,
                store=True,
                mechanism=Mechanism.GENERIC_SECRET_KEY_GEN,
                capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                template=_CREATED,
            )

    def _using(self, name: str, version: int, use: Callable[[Any], T], kind: ObjectClass = ObjectClass.SECRET_KEY) -> T:
        """What ``use`` makes of the key. Raises: KeysMissing, KmsUnavailable."""

        def found(session: Any) -> T:
            try:
                return use(self._key(session, name, version, kind))
            except _GONE:
                self._forget(name, version)
                return use(self._key(session, name, version, kind))

        return self._within(found, f"{name}-{version}")

    def _key(self, session: Any, name: str, version: int, kind: ObjectClass) -> Any:
        known = self._keys.get((name, version, kind))
        if known is None:
            found = self._labelled(session, _label(name, version), kind)
            if len(found) != 1:
                how_many = "no key" if not found else f"{len(found)} keys"
                raise KeysMissing(f"token {self.place.token} holds {how_many} {_label(name, version)}")
            known = self._keys[name, version, kind] = found[0]
        return known

    def _labelled(self, session: Any, label: str, kind: ObjectClass | None = None) -> list[Any]:
        wanted: dict[Attribute, Any] = {Attribute.LABEL: label}
        if kind is not None:
            wanted[Attribute.CLASS] = kind
        return self._search(session, wanted)

    @staticmethod
    def _search(session: Any, wanted: dict[Attribute, Any]) -> list[Any]:
        session.generate_random(64)  # a dead session is better found here: the binding's search leaves a mess
        return list(session.get_objects(wanted))

    def _permit(self, name: str, version: int, *, permitted: bool) -> None:
        def change(session: Any) -> None:
            for found in self._labelled(session, _label(name, version), ObjectClass.SECRET_KEY):
                for allowed in (Attribute.ENCRYPT, Attribute.DECRYPT):
                    if found[allowed] != permitted:
                        found[allowed] = permitted

        self._within(change)

    def _forget(self, name: str, version: int) -> None:
        for known in [one for one in self._keys if one[:2] == (name, version)]:
            del self._keys[known]

    # -- the session ---------------------------------------------------------------------------------------------

    def _within(self, use: Callable[[Any], T], key: str = "") -> T:
        """What ``use`` makes of a live session: of another one, if the first proves dead."""
        with self._lock:
            for last in (False, True):
                try:
                    return use(self._live())
                except pkcs11.PKCS11Error as error:
                    if _NOT_PERMITTED in str(error):
                        raise KeysMissing(disabled(key, f"token {self.place.token}")) from None
                    self._drop()
                    if last:
                        raise self._unavailable(error) from None
            raise AssertionError("unreachable")

    def _live(self) -> Any:
        if self._session is None or self._opened_by != os.getpid():
            self._keys.clear()
            self._session = self._open()
            self._opened_by = os.getpid()
        return self._session

    def _open(self) -> Any:
        pin = self.place.read_pin()
        if pin == self._pin_refused:
            raise KmsUnavailable(f"token {self.place.token} refused the PIN; it is not tried again")
        try:
            module = pkcs11.lib(self.place.module)
            token = self._find(module)
        except pkcs11.PKCS11Error as error:
            raise self._unavailable(error) from None
        try:
            return token.open(rw=True, user_pin=pin)
        except pkcs11.UserAlreadyLoggedIn:  # by another of this process's sessions
            return token.open(rw=True)
        except _REFUSED as error:
            self._pin_refused = pin
            raise self._unavailable(error) from None
        except pkcs11.PKCS11Error as error:
            raise self._unavailable(error) from None

    def _find(self, module: Any) -> Any:
        """The token, as the module sees it now: one that knows of none may have lost its line, so it begins anew."""
        if _opened.setdefault(self.place.module, os.getpid()) == os.getpid():
            with contextlib.suppress(pkcs11.PKCS11Error):
                return module.get_token(token_label=self.place.token)
        _opened[self.place.module] = os.getpid()
        with contextlib.suppress(pkcs11.PKCS11Error):
            module.finalize()
        module.initialize()
        return module.get_token(token_label=self.place.token)

    def _drop(self) -> None:
        session, self._session = self._session, None
        self._keys.clear()
        if session is not None and self._opened_by == os.getpid():
            with contextlib.suppress(pkcs11.PKCS11Error):
                session.close()

    def _unavailable(self, error: pkcs11.PKCS11Error) -> KmsUnavailable:
        said = str(error)
        why = f"{type(error).__name__}{f' ({said})' if said else ''}"
        return KmsUnavailable(f"token {self.place.token} of {self.place.module} does not do its work: {why}")


_opened: dict[str, int] = {}
"""The process that last initialised each module: a forked child must do so itself."""


def _label(name: str, version: int) -> str:
    return f"{LABEL}-{name}-{version}"


def _associated(name: str, version: int, context: bytes) -> bytes:
    return bind("sarkmeli wrap", name, version.to_bytes(4, "big"), context)
