"""Where the neighbours are and what opens them: as the settings say, and the sandbox's where they say nothing."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from sarkmeli.settings import MailSecurity, Settings

MINTED = ("registry_api_key", "bank_api_key", "bank_signing_secret", "oidc_client_secret", "smtp_password")
GIVEN = {"oidc_client_id": "sarkmeli", "smtp_username": "sarkmeli"}


@dataclass(frozen=True)
class Neighbours:
    """Addresses without a slash at their end, and secrets. Never logged, never shown."""

    civil_registry_url: str
    civil_registry_api_key: str
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
        registry, bank, issuer = bool(settings.civil_registry_url), bool(settings.bank_url), bool(settings.issuer)
        mail = bool(settings.smtp_host)
        signing = tuple(secret.get_secret_value() for secret in settings.bank_signing_secrets)
        return cls(
            civil_registry_url=settings.civil_registry_url.rstrip("/") or f"{sandbox}/registry",
            civil_registry_api_key=settings.civil_registry_api_key.get_secret_value()
            if registry
            else known["registry_api_key"],
            bank_url=settings.bank_url.rstrip("/") or f"{sandbox}/bank",
            bank_api_key=settings.bank_api_key.get_secret_value() if bank else known["bank_api_key"],
            bank_signing_secrets=signing if bank else (known["bank_signing_secret"],),
            issuer=settings.issuer.rstrip("/") or f"{sandbox}/oidc",
            client_id=settings.client_id if issuer else known["oidc_client_id"],
            client_secret=settings.client_secret.get_secret_value() if issuer else known["oidc_client_secret"],
            audience=settings.audience or (settings.client_id if issuer else known["oidc_client_id"]),
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
    """What the sandbox and the service share; minted at the first start, before either runs."""
    path = sandbox_folder(folder) / "credentials.json"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({**GIVEN, **{name: secrets.token_urlsafe(24) for name in MINTED}}, file, indent=2)
        draft.replace(path)
    return json.loads(path.read_text())
