"""Everything that the API works with, made elsewhere: `sarkmeli.house` in the product, a builder in the tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from api.client_address import Proxies
from domain.compatriot.commands import Commands as CompatriotCommands
from domain.compatriot.rules import Rules as CompatriotRules
from domain.office import Office
from domain.payments.commands import Commands as PaymentCommands
from domain.staff.commands import Commands as StaffCommands
from domain.taxpayer.accounts import Accounts
from domain.taxpayer.centres import Centres
from domain.taxpayer.commands import Commands as TaxpayerCommands
from domain.taxpayer.registry import PublicRegistry
from domain.taxpayer.rules import Rules as TaxpayerRules
from domain.videobar.commands import Commands as VideobarCommands
from domain.videobar.registry import CivilRegistry
from domain.videobar.rules import Rules as VideobarRules
from gateways.bank import BankOverHttp
from gateways.files import Files
from gateways.inspection import Inspector
from gateways.mail import Mail
from gateways.sign_in import RelyingParty
from gateways.sms import Sms
from housekeeping.drafts import Drafts
from housekeeping.links import LinkRequests, LinkTokens
from housekeeping.lookups import Lookups
from housekeeping.one_time_codes import OneTimeCodes
from housekeeping.passwords import Passwords
from housekeeping.presence import Presence
from housekeeping.sessions import Sessions
from housekeeping.sign_in_tries import SignInTries, UsernameQuestions
from housekeeping.sign_ins import SignIns
from housekeeping.sms_sent import SmsSent
from housekeeping.taxpayer_sessions import TaxpayerSessions
from housekeeping.uploads import Uploads
from ledger.keys import KeyStore
from ledger.reader import Reader
from ledger.token import Tokens
from projections.answers import Pool
from projections.door import Door
from projections.mirrored import Mirrored
from projections.waiting import Waiting


@dataclass(frozen=True)
class Facts:
    """What the settings say of this house. Addresses without a slash at their end."""

    url: str
    """How people reach the service, as their browsers say it in Origin."""
    office_name: Mapping[str, str]
    """By language, ``ka`` and ``en``: who signs the mails."""
    production: bool = False
    """Introspection, GraphiQL and /start are off; anonymous and cookie clients run published documents only."""
    links: tuple[tuple[str, str], ...] = ()
    """What /start points to in the sandbox: (name, address)."""
    samples: tuple[str, ...] = ()
    """Names of sample files, fetched under ``samples_url``."""
    samples_url: str = ""
    longest_wait: timedelta = timedelta(seconds=2)
    """How long a question with `atLeast` waits for its read model."""


@dataclass(frozen=True)
class Ports:
    """One house's collaborators. All are safe for many threads."""

    facts: Facts
    office: Office
    compatriot: CompatriotCommands
    taxpayer: TaxpayerCommands
    accounts: Accounts
    videobar: VideobarCommands
    payments: PaymentCommands
    staff: StaffCommands
    compatriot_rules: CompatriotRules
    videobar_rules: VideobarRules
    taxpayer_rules: TaxpayerRules
    centres: Centres

    keys: KeyStore
    reader: Reader
    tokens: Tokens
    pool: Pool
    """The read pool, autocommit."""
    waiting: Waiting
    door: Door

    drafts: Drafts
    uploads: Uploads
    lookups: Lookups
    sessions: Sessions
    sign_ins: SignIns
    one_time_codes: OneTimeCodes
    presence: Presence
    passwords: Passwords
    taxpayer_sessions: TaxpayerSessions
    sign_in_tries: SignInTries
    username_questions: UsernameQuestions
    link_requests: LinkRequests
    link_tokens: LinkTokens
    sms_sent: SmsSent

    files: Files
    inspector: Inspector
    bank: BankOverHttp
    registry: CivilRegistry
    public_registry: PublicRegistry
    mail: Mail
    sms: Sms
    sign_in: RelyingParty
    proxies: Proxies = field(default_factory=Proxies)
    mirror: Mirrored | None = None
    """What `/metrics` tells of, where there is a mirror."""
