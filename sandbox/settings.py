"""Where the sandbox listens, whom it serves, and the secrets it shares with the service."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

MailSecurity = Literal["none", "starttls", "tls"]


@dataclass(frozen=True)
class Credentials:
    """What the service needs to be let in; kept in ``credentials.json`` of the state folder, readable by its owner.

    The file is made at the first start. Whoever starts the sandbox may write it before: what stands there is used.
    """

    registry_api_key: str
    public_registry_api_key: str
    sms_api_key: str
    bank_api_key: str
    bank_signing_secret: str
    oidc_client_id: str
    oidc_client_secret: str
    smtp_username: str
    smtp_password: str

    @classmethod
    def keep(cls, folder: Path) -> Credentials:
        """Read the folder's credentials; what is missing is minted and written."""
        path = folder / "credentials.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        minted = {field.name: known.get(field.name) or secrets.token_urlsafe(24) for field in fields(cls)}
        minted["oidc_client_id"] = known.get("oidc_client_id", "sarkmeli")
        minted["smtp_username"] = known.get("smtp_username", "sarkmeli")
        credentials = cls(**minted)
        if asdict(credentials) != known:
            write_privately(path, json.dumps(asdict(credentials), indent=2).encode())
        return credentials


@dataclass(frozen=True)
class Settings:
    """One sandbox: addresses without a slash at the end, times in seconds."""

    folder: Path
    public_url: str
    service_url: str
    credentials: Credentials
    smtp_host: str
    smtp_port: int
    mail_security: MailSecurity = "none"
    mail_login: bool = False
    late_after: float = 20.0
    slow_after: float = 8.0

    @property
    def issuer(self) -> str:
        return f"{self.public_url}/oidc"

    @property
    def redirect_uri(self) -> str:
        return f"{self.service_url}/sign-in/callback"

    def leads_to_service(self, url: str) -> bool:
        """Whether ``url`` is of the service itself, so that nobody is sent elsewhere from here."""
        asked, known = urlsplit(url), urlsplit(self.service_url)
        return (asked.scheme, asked.netloc) == (known.scheme, known.netloc)


def write_privately(path: Path, content: bytes) -> None:
    """Replace ``path`` at once with a file that only its owner reads."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
