"""Where the neighbours are and what opens them: as the settings say, and the sandbox's where they say nothing."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from sarkmeli.settings import MailSecurity, Settings

MINTED = (
    "registry_api_key", "public_registry_api_key", "sms_api_key", "bank_api_key", "bank_signing_secret",
    "oidc_client_secret", "smtp_password",
)  # fmt: skip
GIVEN = {"oidc_client_id": "sarkmeli", "smtp_username": "sarkmeli"}


@dataclass(frozen=True)
class Neighbours:
    """Addresses without a slash at their end, and secrets. Never logged, never shown."""

    civil_registry_url: str
    civil_registry_api_key: str
    public_registry_url: str
    public_registry_api_key: str
    sms_url: str
    sms_api_key: str
    bank_url: str
    bank_api_key: str
    bank_signing_secrets: tuple[str, ...]
    issuer: str
    client_id: str
    client_secret: str
    audience: str
    smtp_host: str
    smtp_port: int
    smtp_user: str
    smtp_password: str
    smtp_security: MailSecurity

    @classmethod
    def of(cls, settings: Settings) -> Neighbours:
        """Each neighbour as set; the sandbox's address and secret for each that is not."""
        sandbox = settings.sandbox_url
        known = sandbox_credentials(settings.folder) if settings.uses_sandbox else {}
        mail = bool(settings.smtp_host)
        signing = tuple(secret.get_secret_value() for secret in settings.bank_signing_secrets)

        def secret(address: str, own: SecretStr, minted: str) -> str:
            return own.get_secret_value() if address else known[minted]

        return cls(
            civil_registry_url=settings.civil_registry_url.rstrip("/") or f"{sandbox}/registry",
            civil_registry_api_key=secret(
                settings.civil_registry_url, settings.civil_registry_api_key, "registry_api_key"
            ),
            public_registry_url=settings.public_registry_url.rstrip("/") or f"{sandbox}/public-registry",
            public_registry_api_key=secret(
                settings.public_registry_url, settings.public_registry_api_key, "public_registry_api_key"
            ),
            sms_url=settings.sms_url.rstrip("/") or f"{sandbox}/sms",
            sms_api_key=secret(settings.sms_url, settings.sms_api_key, "sms_api_key"),
            bank_url=settings.bank_url.rstrip("/") or f"{sandbox}/bank",
            bank_api_key=secret(settings.bank_url, settings.bank_api_key, "bank_api_key"),
            bank_signing_secrets=signing if settings.bank_url else (known["bank_signing_secret"],),
            issuer=settings.issuer.rstrip("/") or f"{sandbox}/oidc",
            client_id=settings.client_id if settings.issuer else known["oidc_client_id"],
            client_secret=secret(settings.issuer, settings.client_secret, "oidc_client_secret"),
            audience=settings.audience or (settings.client_id if settings.issuer else known["oidc_client_id"]),
            smtp_host=settings.smtp_host or "127.0.0.1",
            smtp_port=settings.smtp_port,
            smtp_user=settings.smtp_user if mail else "",
            smtp_password=settings.smtp_password.get_secret_value() if mail else "",
            smtp_security=settings.smtp_security if mail else MailSecurity.NONE,
        )


def sandbox_folder(folder: Path) -> Path:
    """Where the sandbox keeps what it remembers, under the office's ``folder``."""
    return folder.absolute() / "sandbox"


def sandbox_credentials(folder: Path) -> dict[str, str]:
    """What the sandbox and the service share; minted at the first start, before either runs.

    What a newer release shares besides is minted as well, and what was there stays.
    """
    path = sandbox_folder(folder) / "credentials.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if known.keys() >= {*GIVEN, *MINTED}:
        return known
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    minted = {**GIVEN, **{name: secrets.token_urlsafe(24) for name in MINTED}, **known}
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(minted, file, indent=2)
    draft.replace(path)
    return minted
