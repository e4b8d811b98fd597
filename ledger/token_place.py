"""Where a PKCS#11 token is and what opens it, as an address (RFC 7512) that other parts pass on unread."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode

from ledger.kms import PKCS11, KmsUnavailable


@dataclass(frozen=True)
class TokenPlace:
    """Which token of which module, and the PIN that opens it or the file that holds the PIN."""

    module: str
    token: str
    pin: str | None = field(default=None, repr=False)
    pin_file: str | None = None

    @staticmethod
    def parse(uri: str) -> TokenPlace:
        """The place that `uri` wrote. Raises: ValueError."""
        path, _, query = uri.removeprefix(PKCS11).partition("?")
        parts = {name: value for name, _, value in (part.partition("=") for part in path.split(";"))}
        asked = dict(parse_qsl(query))
        if not uri.startswith(PKCS11) or "token" not in parts or "module-path" not in asked:
            raise ValueError("a PKCS#11 URI names its token and its module-path (RFC 7512)")
        source = asked.get("pin-source")
        file = source and source.removeprefix("file:")
        return TokenPlace(asked["module-path"], unquote(parts["token"]), asked.get("pin-value"), file)

    @property
    def uri(self) -> str:
        """The place as a PKCS#11 URI (RFC 7512). Holds the PIN if there is one: never log it."""
        asked = {"module-path": self.module}
        if self.pin is not None:
            asked["pin-value"] = self.pin
        if self.pin_file is not None:
            asked["pin-source"] = f"file:{self.pin_file}"
        return f"{PKCS11}token={quote(self.token, safe='')}?{urlencode(asked, quote_via=quote)}"

    def read_pin(self) -> str:
        """The PIN. Raises: KmsUnavailable."""
        if self.pin is not None:
            return self.pin
        if self.pin_file is None:
            raise KmsUnavailable(f"no PIN was given for token {self.token}")
        try:
            return Path(self.pin_file).read_text().strip("\r\n")
        except OSError as error:
            raise KmsUnavailable(f"the PIN file {self.pin_file} cannot be read: {error.strerror}") from None
