"""Every setting of the office, read from environment variables that begin with ``SARKMELI_``."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from domain.compatriot.state import State
from housekeeping.passwords import Cost
from ledger.token_place import TokenPlace
from sarkmeli import embedded
from sarkmeli.kafka_settings import KafkaSettings
from sarkmeli.mirror_settings import MirrorSettings
from sarkmeli.roles import PREFIX, DbRole, become, conninfo_as
from sarkmeli.warehouse_settings import WarehouseSettings

NEIGHBOURS = {
    "civil_registry_url": "civil_registry_api_key",
    "public_registry_url": "public_registry_api_key",
    "sms_url": "sms_api_key",
    "bank_url": "bank_api_key",
    "issuer": "client_secret",
    "smtp_host": "",
}
"""Where each neighbour is and the secret that opens it: an address that is empty means the sandbox's stand-in."""


class WrongFile(Exception):
    """A file that a setting names cannot be read or will not do. The message names the setting."""


class LogFormat(StrEnum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"


class MailSecurity(StrEnum):
    """How the way to the mail server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class KeyHolder(StrEnum):
    """What holds the keys that no database may hold."""

    FOLDER = "folder"
    PKCS11 = "pkcs11"


class Settings(KafkaSettings, WarehouseSettings, MirrorSettings):
    """The settings; a field ``database_url`` is the variable ``SARKMELI_DATABASE_URL``.

    Raises pydantic's ValidationError, which names the variable, when a value will not do.
    """

    model_config = SettingsConfigDict(env_prefix="SARKMELI_", frozen=True, extra="ignore")

    folder: Path = Field(default=Path(".run"), description="Where `run` keeps PostgreSQL's data, keys, files and logs.")
    host: str = Field(default="127.0.0.1", description="The address the service listens on.")
    api_processes: int = Field(
        default=2, ge=1, le=64, description="How many processes of the API `run` starts; they share the address."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="The service's port; `run` takes a free one for 0.")
    sandbox_port: int = Field(default=8010, ge=0, le=65535, description="The sandbox neighbours' port; 0 as above.")
    sandbox_kafka_port: int = Field(
        default=9092, ge=0, le=65535, description="The port of the broker that `run --kafka` brings; 0 as above."
    )
    public_url: str = Field(
        default="", description="How people reach the service; http://localhost and the port if empty."
    )
    production: bool = Field(
        default=False, description="Refuse sandbox neighbours, file keys, introspection and plain http."
    )
    log_format: LogFormat = Field(default=LogFormat.CONSOLE, description="`console` for people, `json` for machines.")
    log_level: str = Field(
        default="info", pattern="(?i)^(debug|info|warning|error)$", description="`debug`, `info`, `warning` or `error`."
    )

    database_url: SecretStr | None = Field(
        default=None, description="A PostgreSQL ≥ 15 of one's own for the ledger; the embedded one if empty."
    )
    keys_database_url: SecretStr | None = Field(
        default=None,
        description="The key store's database; beside the ledger's, its name with `_keys` added, if empty.",
    )
    kms: KeyHolder = Field(
        default=KeyHolder.FOLDER,
        description="What holds the epoch keys and secrets: `folder`, or `pkcs11` for a token.",
    )
    key_folder: Path | None = Field(
        default=None,
        description="The folder of the epoch keys and of the checkpoint signer's notes; `keys` in the folder if empty.",
    )
    pkcs11_module: str = Field(default="", description="The PKCS#11 module, a shared library.")
    pkcs11_token: str = Field(default="", description="The label of the token, which is for this office alone.")
    pkcs11_pin: SecretStr | None = Field(default=None, description="The user PIN of the token.")
    pkcs11_pin_file: Path | None = Field(default=None, description="A file that holds the PIN, instead.")
    files_url: str = Field(default="", description="Where sealed files go: a folder or s3://bucket; `files` if empty.")
    database_roles: str = Field(
        default=PREFIX,
        pattern="^[a-z_][a-z0-9_]{0,40}$",
        description="What the database roles' names begin with; another where two offices share a server.",
    )
    pool_size: int = Field(
        default=16, ge=2, le=200, description="The most connections one process holds to each database."
    )

    civil_registry_url: str = Field(default="", description="The civil registry; the sandbox's if empty.")
    civil_registry_api_key: SecretStr = Field(default=SecretStr(""), description="What opens the civil registry.")
    public_registry_url: str = Field(default="", description="The public registry; the sandbox's if empty.")
    public_registry_api_key: SecretStr = Field(default=SecretStr(""), description="What opens the public registry.")
    sms_url: str = Field(default="", description="The SMS gateway; the sandbox's if empty.")
    sms_api_key: SecretStr = Field(default=SecretStr(""), description="What opens the SMS gateway.")
    sms_sender: str = Field(
        default="Sarkmeli",
        pattern="^[A-Za-z0-9][A-Za-z0-9 ._-]{0,10}$",
        description="Who text messages are from, as registered at the gateway: up to 11 Latin letters and digits.",
    )
    bank_url: str = Field(default="", description="The bank's orders interface; the sandbox's if empty.")
    bank_api_key: SecretStr = Field(default=SecretStr(""), description="What opens the bank's orders interface.")
    bank_signing_secrets: tuple[SecretStr, ...] = Field(
        default=(), description="The secrets under which the bank signs its callbacks, newest first (JSON list)."
    )
    issuer: str = Field(default="", description="The staff's OpenID Connect provider; the sandbox's if empty.")
    client_id: str = Field(default="sarkmeli", description="What the provider knows the service by.")
    client_secret: SecretStr = Field(default=SecretStr(""), description="The service's secret at the provider.")
    audience: str = Field(
        default="", description="The audience that a staff bearer token must name; the client id if empty."
    )
    smtp_host: str = Field(default="", description="The mail server; the sandbox's if empty.")
    smtp_port: int = Field(default=8025, ge=0, le=65535, description="The mail server's port; 0 as above.")
    smtp_user: str = Field(default="", description="The account at the mail server; none if empty.")
    smtp_password: SecretStr = Field(default=SecretStr(""), description="Its password.")
    smtp_security: MailSecurity = Field(default=MailSecurity.STARTTLS, description="`starttls`, `tls`, or `none`.")
    mail_from: str = Field(default="Sarkmeli <office@sarkmeli.example>", description="Who mails are from.")
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="Proxies whose X-Forwarded-For is believed (JSON list)."
    )

    office_name_ka: str = Field(default="სარკმელი", description="Who signs Georgian mails.")
    office_name_en: str = Field(default="Sarkmeli", description="Who signs English mails.")
    fees_file: Path | None = Field(
        default=None, description="Fees and terms by effective date (TOML); domain/compatriot/fees.toml if empty."
    )
    centres_file: Path | None = Field(
        default=None, description="The service centres (TOML); domain/taxpayer/centres.toml if empty."
    )
    reception_days: int = Field(default=30, ge=1, description="Days within which fee and talk must both be there.")
    information_days: int = Field(default=30, ge=1, description="Days within which requested information must come.")
    warning_days: int = Field(default=7, ge=1, description="Days between the warning and the last day, at least.")
    longest_extension: int = Field(default=30, ge=0, description="Days by which the chief may extend a term, once.")
    end_moves_for_holidays: bool = Field(default=False, description="Whether a term ends on a working day only.")
    refunded_endings: tuple[State, ...] = Field(
        default=(State.RECEPTION_REFUSED,), description="Endings before the term that make a fee due back (JSON list)."
    )
    weekdays: tuple[int, ...] = Field(default=(0, 1, 2, 3, 4), description="Working days; Monday is 0 (JSON list).")
    holidays: tuple[date, ...] = Field(default=(), description="Days off (JSON list of dates).")
    bar_hours: str = Field(
        default="",
        description="When the video bar lets in, as 09:00-18:00; round the clock if empty, which production refuses.",
    )
    taxpayer_bar_hours: str = Field(
        default="",
        description="When the taxpayers' video bar lets in; if empty 09:00-18:00, or round the clock with the sandbox.",
    )
    taxpayer_weekdays: tuple[int, ...] = Field(
        default=(0, 1, 2, 3, 4), description="Working days of the taxpayers' bar; Monday is 0 (JSON list)."
    )
    taxpayer_holidays: tuple[date, ...] = Field(
        default=(), description="Days off of the taxpayers' bar (JSON list of dates)."
    )
    activation_days: int = Field(default=30, ge=2, description="Days within which a registration must be activated.")
    link_hours: int = Field(default=24, ge=1, description="Hours for which an activation link opens.")
    broken_off_limit: int = Field(
        default=3, ge=1, description="Calls without visual contact after which reception ends."
    )
    order_hours: int = Field(default=24, ge=1, description="Hours for which a card order may be paid.")

    deadlines_every: float = Field(
        default=5.0, gt=0, description="Seconds between two rounds of the deadlines consumer."
    )
    checkpoint_folder: Path | None = Field(
        default=None, description="Where signed checkpoints of the ledger are published; `checkpoints` if empty."
    )
    checkpoint_every: float = Field(
        default=10.0, gt=0, description="Seconds between two checkpoints of a ledger that grows."
    )

    erasure_register: Path | None = Field(
        default=None, description="The folder of the erasure register, outside both databases; `erasures` if empty."
    )

    password_cost: str = Field(
        default="m=65536,t=3,p=4",
        description="What hashing a taxpayer's password costs: KiB, passes, lanes of argon2id.",
    )
    passwords_at_once: int = Field(
        default=4, ge=1, le=64, description="Passwords that one process hashes at once; each takes its cost's memory."
    )
    sms_per_number: int = Field(
        default=5,
        ge=1,
        description="Short messages to one number within an hour; as many again that consultants have sent.",
    )
    sms_per_prefix: int = Field(default=30, ge=1, description="Short messages asked for from one place within an hour.")

    @field_validator("password_cost")
    @classmethod
    def _a_cost_is_one(cls, text: str) -> str:
        Cost.read(text)
        return text

    @model_validator(mode="after")
    def _production_means_it(self) -> Self:
        if self.production and (wrong := self.unfit_for_production()):
            raise ValueError("not fit for production: " + "; ".join(wrong))
        return self

    @model_validator(mode="after")
    def _kafka_is_named_in_full(self) -> Self:
        if wrong := self.kafka_faults():
            raise ValueError("; ".join(wrong))
        return self

    @model_validator(mode="after")
    def _a_token_is_named_in_full(self) -> Self:
        if self.kms is KeyHolder.PKCS11:
            missing = [name for name in ("pkcs11_module", "pkcs11_token") if not getattr(self, name)]
            if self.pkcs11_pin is None and self.pkcs11_pin_file is None:
                missing.append("pkcs11_pin_file")
            if missing:
                raise ValueError("; ".join(f"SARKMELI_{name.upper()} is empty" for name in missing))
        return self

    def unfit_for_production(self) -> list[str]:
        """What stands between these settings and a public service; empty if nothing does."""
        wrong = [f"SARKMELI_{name.upper()} is the sandbox's" for name in NEIGHBOURS if not getattr(self, name)]
        wrong += [
            f"SARKMELI_{secret.upper()} is empty"
            for secret in NEIGHBOURS.values()
            if secret and not getattr(self, secret).get_secret_value()
        ]
        if not self.bank_signing_secrets:
            wrong.append("SARKMELI_BANK_SIGNING_SECRETS is empty")
        if self.smtp_security is MailSecurity.NONE:
            wrong.append("SARKMELI_SMTP_SECURITY is none")
        spoken_to = ("public_url", "issuer", "bank_url", "civil_registry_url", "public_registry_url", "sms_url")
        addresses = {name: str(getattr(self, name)) for name in spoken_to}
        wrong += [
            f"SARKMELI_{name.upper()} is not https"
            for name, address in addresses.items()
            if address and urlsplit(address).scheme != "https"
        ]
        if not self.public_url:
            wrong.append("SARKMELI_PUBLIC_URL is empty")
        if not self.bar_hours:
            wrong.append("SARKMELI_BAR_HOURS is empty: round the clock is for trying out")
        if self.database_url is None:
            wrong.append("SARKMELI_DATABASE_URL is empty: the embedded PostgreSQL is for trying out")
        if not Cost.read(self.password_cost).is_enough:
            wrong.append("SARKMELI_PASSWORD_COST is less than argon2id is recommended with")
        if self.kms is KeyHolder.FOLDER:
            wrong.append("SARKMELI_KMS is folder: epoch keys in files")
        return wrong + self.kafka_unfit_for_production() + self.warehouse_unfit_for_production()

    @property
    def url(self) -> str:
        """The service's public address, without a slash at its end."""
        return self.public_url.rstrip("/") or f"http://localhost:{self.port}"

    @property
    def sandbox_url(self) -> str:
        """The sandbox's address, without a slash at its end."""
        return f"http://localhost:{self.sandbox_port}"

    @property
    def ledger_conninfo(self) -> str:
        """libpq connection info of the ledger database for its administrator, who migrates. All others: `ledger_as`."""
        if self.database_url is not None:
            return make_conninfo(self.database_url.get_secret_value())
        return embedded.conninfo(self.folder, "sarkmeli")

    @property
    def keys_conninfo(self) -> str:
        """libpq connection info of the key store database for its administrator. All others: `keys_as`."""
        if self.keys_database_url is not None:
            return make_conninfo(self.keys_database_url.get_secret_value())
        ledger = conninfo_to_dict(self.ledger_conninfo)
        return make_conninfo(self.ledger_conninfo, dbname=f"{ledger.get('dbname') or 'sarkmeli'}_keys")

    def ledger_as(self, role: DbRole) -> str:
        """libpq connection info of the ledger database for work that is ``role``'s."""
        return self._as(role, self.ledger_conninfo, self.database_url)

    def keys_as(self, role: DbRole) -> str:
        """libpq connection info of the key store database for work that is ``role``'s."""
        return self._as(role, self.keys_conninfo, self.keys_database_url or self.database_url)

    def _as(self, role: DbRole, conninfo: str, given: SecretStr | None) -> str:
        """The embedded server lets the role itself in; one of one's own as its address says."""
        if role is DbRole.OWNER:
            return become(conninfo, role, self.database_roles)
        if given is None:
            return make_conninfo(conninfo, user=role.named(self.database_roles))
        return conninfo_as(conninfo, role, self.database_roles)

    @property
    def keys(self) -> Path:
        """The folder of the epoch keys, and of the checkpoint signer's notes wherever its key is."""
        return (self.key_folder or self.folder / "keys").absolute()

    @property
    def key_holder(self) -> Path | str:
        """What `ledger.kms.open_kms` takes. May hold the PIN: never log it."""
        if self.kms is KeyHolder.FOLDER:
            return self.keys
        pin = None if self.pkcs11_pin is None else self.pkcs11_pin.get_secret_value()
        file = None if self.pkcs11_pin_file is None else str(self.pkcs11_pin_file.absolute())
        return TokenPlace(self.pkcs11_module, self.pkcs11_token, pin, None if pin is not None else file).uri

    @property
    def checkpoints(self) -> Path:
        """The folder of the published checkpoints."""
        return (self.checkpoint_folder or self.folder / "checkpoints").absolute()

    @property
    def erasures(self) -> Path:
        """The folder of the erasure register."""
        return (self.erasure_register or self.folder / "erasures").absolute()

    @property
    def warehouse_catalog(self) -> str:
        """The address of the Iceberg catalog. May hold a password: never log it."""
        own = self.folder.absolute() / "warehouse" / "catalog.db"
        return self.warehouse.get_secret_value() or f"sqlite:///{own}?timeout=30"

    @property
    def warehouse_files(self) -> str:
        """Where the warehouse's files go: an absolute folder, or an s3:// address."""
        if "://" in self.warehouse_folder:
            return self.warehouse_folder
        return str(Path(self.warehouse_folder or self.folder / "warehouse").absolute())

    @property
    def files(self) -> str:
        """Where sealed files go: an absolute folder, or an s3:// address."""
        if "://" in self.files_url:
            return self.files_url
        return str(Path(self.files_url or self.folder / "files").absolute())

    @property
    def uses_sandbox(self) -> bool:
        """Whether any neighbour is the sandbox's."""
        return not all(getattr(self, name) for name in NEIGHBOURS)
