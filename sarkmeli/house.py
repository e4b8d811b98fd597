"""The one composition root: every collaborator is made here, once a process, and handed to whoever needs it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from api.client_address import Proxies
from api.pay_links import pay_link
from api.ports import Facts, Ports
from consumers.calls import Calls
from consumers.compatriot.letters import ApplicationLetters
from consumers.compatriot.terms import ApplicationTerms
from consumers.duties import Duties, Duty
from consumers.erasures import Erasures
from consumers.erasures import Rows as ErasedRows
from consumers.letters import Letterhead
from consumers.notices import Notices as NoticesConsumer
from consumers.orders import Orders
from consumers.relay.forgotten import Unpublishing
from consumers.taxpayer.left_over import LeftOvers
from consumers.taxpayer.letters import RegistrationLetters
from consumers.taxpayer.links import Links
from consumers.taxpayer.terms import RegistrationTerms
from consumers.terms import Terms
from domain.compatriot.commands import Applications
from domain.compatriot.commands import Commands as CompatriotCommands
from domain.compatriot.erasure import Erasures as CompatriotErasures
from domain.office import Office
from domain.payments.commands import Commands as PaymentCommands
from domain.payments.commands import orders_of_case
from domain.payments.payment import Payment
from domain.staff.commands import Commands as StaffCommands
from domain.taxpayer.accounts import Accounts
from domain.taxpayer.at_the_bar import Registrations
from domain.taxpayer.commands import Commands as TaxpayerCommands
from domain.taxpayer.erasure import Erasures as TaxpayerErasures
from domain.videobar.case import EveryService
from domain.videobar.commands import Commands as VideobarCommands
from gateways.bank import BankOverHttp
from gateways.civil_registry import CivilRegistryOverHttp
from gateways.files import Files, open_store
from gateways.inspection import Inspector
from gateways.mail import Mail, Security, SmtpSettings
from gateways.public_registry import PublicRegistryOverHttp
from gateways.sign_in import ProviderSettings, RelyingParty
from gateways.sms import Sms
from housekeeping.confirmed import Confirmations
from housekeeping.drafts import Drafts
from housekeeping.erasure_requests import ErasureRequests
from housekeeping.left_over import LeftOver
from housekeeping.links import LinkRequests, LinkTokens
from housekeeping.lookups import Lookups
from housekeeping.one_time_codes import OneTimeCodes
from housekeeping.passwords import Cost, Passwords
from housekeeping.presence import Presence
from housekeeping.publication import Numbering
from housekeeping.sessions import Sessions
from housekeeping.sign_in_tries import SignInTries, UsernameQuestions
from housekeeping.sign_ins import SignIns
from housekeeping.sms_sent import SmsSent
from housekeeping.statement import Statement
from housekeeping.taxpayer_sessions import TaxpayerSessions
from housekeeping.uploads import Uploads
from ledger.connecting import reading_pool
from ledger.epochs import turn_epoch_when_due
from ledger.erasure import Eraser
from ledger.erasure_register import ErasureRegister
from ledger.idempotency import turn_months
from ledger.kms import open_kms
from ledger.lineage import restored_within
from ledger.opening import Ledger, open_ledger
from projections.all import MODELS
from projections.answers import Pool
from projections.door import Door
from projections.queue import Queue
from projections.waiting import Waiting
from sarkmeli.case_files import LedgerFiles
from sarkmeli.mirror_watching import watched_mirror
from sarkmeli.neighbours import Neighbours
from sarkmeli.restoring import erase_again
from sarkmeli.roles import DbRole
from sarkmeli.rules import compatriot_rules, payment_rules, service_centres, taxpayer_rules, videobar_rules
from sarkmeli.settings import Settings

SELDOM = 60.0
"""Seconds between two rounds of clearing away what has expired."""

DAILY = 86400.0

LINKS = 2.0
"""Seconds between two looks for requests of activation links: somebody is waiting for the mail."""

SECOND_THOUGHTS = 14
"""Days after a restore in which a younger copy of the ledger may still be found and put in this one's place: so
long, no key is destroyed and no file erased because this ledger lacks the case that was filed."""

SAMPLES = ("photograph-1.jpg", "photograph-2.jpg", "passport.pdf", "motivation-letter.pdf")
"""The sandbox's sample files, that /start links to."""


@contextmanager
def open_house(settings: Settings) -> Generator[House]:
    """The house, open; closes what it opened. Raises: KeysMissing, and what a broken setting raises."""
    with ExitStack() as opened:
        yield House(settings, opened)


class House:
    """Everything that the processes of the office are made of. What only some need is made when it is asked for."""

    def __init__(self, settings: Settings, opened: ExitStack) -> None:
        self.settings = settings
        self.neighbours = Neighbours.of(settings)
        self._opened = opened
        self.ledger: Ledger = open_ledger(
            settings.ledger_as(DbRole.APP), settings.keys_as(DbRole.APP), settings.key_holder
        )
        opened.callback(self.ledger.close)
        erase_again(settings)
        self.office = Office(env=self.ledger.env)
        opened.callback(self.office.close)
        self.pool: Pool = opened.enter_context(reading_pool(settings.ledger_as(DbRole.APP), settings.pool_size))
        self.drafts = Drafts(self.pool, self.ledger.keys, self.ledger.keys)
        applications = Applications(self.office)
        self.payments = PaymentCommands(self.office, applications, self.ledger.keys, payment_rules(settings))
        self.compatriot_rules = compatriot_rules(settings)
        self.centres = service_centres(settings)
        self.compatriot = CompatriotCommands(
            self.office, self.ledger.keys, self.drafts, self.payments, self.compatriot_rules
        )
        self.videobar_rules = videobar_rules(settings)
        self.left_over = LeftOver(self.pool)
        cases = EveryService(applications, Registrations(self.office, self.left_over))
        self.videobar = VideobarCommands(self.office, cases, Queue(self.pool), self.videobar_rules)
        self.taxpayer_rules = taxpayer_rules(settings)
        self.staff = StaffCommands(self.office)
        self.files = Files(open_store(self._file_store()), self.ledger.keys)
        self.uploads = Uploads(self.pool, self.ledger.keys, self.files)
        self.lookups = Lookups(self.pool, self.ledger.keys)
        self.sessions = Sessions(self.pool, self.ledger.keys)
        self.sign_ins = SignIns(self.pool, self.ledger.keys)
        self.one_time_codes = OneTimeCodes(self.pool, self.ledger.keys)
        self.presence = Presence(self.pool)
        self.passwords = Passwords(
            self.pool, self.ledger.keys, Cost.read(settings.password_cost), settings.passwords_at_once
        )
        self.taxpayer_sessions = TaxpayerSessions(self.pool)
        self.sign_in_tries = SignInTries(self.pool, self.ledger.keys)
        self.username_questions = UsernameQuestions(self.pool, self.ledger.keys)
        self.link_requests = LinkRequests(self.pool, self.ledger.keys)
        self.link_tokens = LinkTokens(self.pool, self.ledger.keys)
        self.sms_sent = SmsSent(self.pool, self.ledger.keys, settings.sms_per_number, settings.sms_per_prefix)
        shown = Confirmations(self.drafts, self.one_time_codes)
        self.taxpayer = TaxpayerCommands(
            self.office, self.ledger.keys, shown, self.passwords, shown, self.left_over, self.taxpayer_rules
        )
        self.accounts = Accounts(self.office, self.ledger.reader)

    @cached_property
    def eraser(self) -> Eraser:
        """What destroys keys, and may do little else."""
        ledger, keys = self.settings.ledger_as(DbRole.ERASER), self.settings.keys_as(DbRole.ERASER)
        return Eraser(ledger, keys, ErasureRegister(self.settings.erasures))

    @cached_property
    def erasures(self) -> Erasures:
        """Asking for erasures, confirming and carrying them out."""
        rows = ErasedRows(
            self.pool,
            ErasureRequests(self.pool),
            self.uploads,
            self.one_time_codes,
            self.presence,
            (self.passwords, self.taxpayer_sessions, self.link_tokens, self.left_over),
        )
        services = (CompatriotErasures(self.office), TaxpayerErasures(self.office))
        public = Unpublishing(Numbering(self.pool), self.ledger.keys)
        return Erasures(self.office, self.ledger.reader, self.eraser, rows, self.files, MODELS, services, public)

    @cached_property
    def bank(self) -> BankOverHttp:
        """The bank."""
        bank = BankOverHttp(
            self.neighbours.bank_url, self.neighbours.bank_api_key, self.neighbours.bank_signing_secrets
        )
        self._opened.callback(bank.close)
        return bank

    @cached_property
    def sign_in(self) -> RelyingParty:
        """The office's side of staff sign-in."""
        to = self.neighbours
        provider = ProviderSettings(
            issuer=to.issuer,
            client_id=to.client_id,
            client_secret=to.client_secret,
            redirect_uri=f"{self.settings.url}/sign-in/callback",
            audience=to.audience,
        )
        sign_in = RelyingParty(provider)
        self._opened.callback(sign_in.close)
        return sign_in

    @cached_property
    def mail(self) -> Mail:
        """The mail server."""
        to = self.neighbours
        return Mail(
            SmtpSettings(
                host=to.smtp_host,
                port=to.smtp_port,
                sender=self.settings.mail_from,
                security=Security(to.smtp_security),
                username=to.smtp_user,
                password=to.smtp_password,
            )
        )

    @cached_property
    def sms(self) -> Sms:
        """The SMS gateway."""
        sms = Sms(self.neighbours.sms_url, self.neighbours.sms_api_key, self.settings.sms_sender)
        self._opened.callback(sms.close)
        return sms

    @cached_property
    def public_registry(self) -> PublicRegistryOverHttp:
        """The public registry."""
        to = self.neighbours
        registry = PublicRegistryOverHttp(to.public_registry_url, to.public_registry_api_key)
        self._opened.callback(registry.close)
        return registry

    @property
    def mail_server(self) -> str:
        """Where mail goes, for a log line."""
        return f"{self.neighbours.smtp_host}:{self.neighbours.smtp_port}"

    @cached_property
    def facts(self) -> Facts:
        """What the settings say to the API."""
        sandbox = self.settings.sandbox_url
        links = (
            ("mailbox", f"{sandbox}/mailbox"),
            ("phones", f"{sandbox}/phones"),
            ("bank", f"{sandbox}/bank"),
            ("staff", f"{sandbox}/"),
        )
        stands_in = self.settings.uses_sandbox
        return Facts(
            url=self.settings.url,
            office_name={"ka": self.settings.office_name_ka, "en": self.settings.office_name_en},
            production=self.settings.production,
            links=links if stands_in else (),
            samples=SAMPLES if stands_in else (),
            samples_url=f"{sandbox}/samples/" if stands_in else "",
        )

    @cached_property
    def ports(self) -> Ports:
        """Everything that the API works with."""
        to = self.neighbours
        registry = CivilRegistryOverHttp(to.civil_registry_url, to.civil_registry_api_key)
        self._opened.callback(registry.close)
        return Ports(
            facts=self.facts,
            office=self.office,
            compatriot=self.compatriot,
            taxpayer=self.taxpayer,
            accounts=self.accounts,
            videobar=self.videobar,
            payments=self.payments,
            staff=self.staff,
            compatriot_rules=self.compatriot_rules,
            videobar_rules=self.videobar_rules,
            taxpayer_rules=self.taxpayer_rules,
            centres=self.centres,
            keys=self.ledger.keys,
            reader=self.ledger.reader,
            tokens=self.ledger.tokens,
            pool=self.pool,
            waiting=self._opened.enter_context(Waiting(self.settings.ledger_as(DbRole.APP), self.pool)),
            door=Door(self.ledger.sealer, self.staff),
            drafts=self.drafts,
            uploads=self.uploads,
            lookups=self.lookups,
            sessions=self.sessions,
            one_time_codes=self.one_time_codes,
            presence=self.presence,
            passwords=self.passwords,
            taxpayer_sessions=self.taxpayer_sessions,
            sign_in_tries=self.sign_in_tries,
            username_questions=self.username_questions,
            link_requests=self.link_requests,
            link_tokens=self.link_tokens,
            sms_sent=self.sms_sent,
            sign_ins=self.sign_ins,
            files=self.files,
            inspector=Inspector(),
            bank=self.bank,
            registry=registry,
            public_registry=self.public_registry,
            mail=self.mail,
            sms=self.sms,
            sign_in=self.sign_in,
            proxies=Proxies(self.settings.trusted_proxies),
            mirror=watched_mirror(self.settings),
        )

    @property
    def letterhead(self) -> Letterhead:
        """Who writes the letters."""
        host = urlsplit(self.facts.url).hostname or "localhost"
        return Letterhead(self.facts.url, self.facts.office_name, host)

    def notices(self) -> NoticesConsumer:
        """The notices consumer."""
        letters = (
            ApplicationLetters(self.compatriot, self.ledger.reader, self.letterhead, self.pay_link),
            RegistrationLetters(self.taxpayer, self.letterhead),
        )
        return NoticesConsumer(self.settings.ledger_as(DbRole.APP), self.ledger.reader, letters, self.mail)

    @property
    def links(self) -> Links:
        """What mails activation links."""
        return Links(
            self.taxpayer, self.public_registry, self.link_requests, self.link_tokens, self.mail, self.letterhead
        )

    def deadlines(self) -> Duties:
        """The deadlines consumer."""
        terms = Terms(self.office, ApplicationTerms(self.compatriot, self.pool), self.pool)
        activations = Terms(self.office, RegistrationTerms(self.taxpayer, self.pool), self.pool)
        orders = Orders(self.office, self.payments, self.bank, self.pool, Statement(self.pool))
        often = self.settings.deadlines_every
        requests = self.erasures.rows.requests
        swept = (
            self.lookups, self.sessions, self.sign_ins, self.one_time_codes, self.presence, requests,
            self.taxpayer_sessions, self.link_requests, self.link_tokens, self.sms_sent,
        )  # fmt: skip
        return Duties(
            "deadlines",
            [
                Duty("terms", often, terms.keep),
                Duty("activations", often, activations.keep),
                Duty("activation links", LINKS, self.links.send),
                Duty("forms left over", often, LeftOvers(self.taxpayer, self.left_over).end),
                Duty("calls left hanging", SELDOM, Calls(self.office, self.videobar, self.pool).take_back),
                Duty("orders out of time", often, orders.expire),
                Duty("orders at the bank", often, orders.ask),
                Duty("money sent back", often, orders.send_back),
                Duty("cash", often, orders.take_cash),
                Duty("cash that made no sense", SELDOM, orders.read_again),
                Duty("drafts and uploads", SELDOM, self._expire_drafts),
                Duty("erasures", often, self.erasures.resume),
                Duty("what has expired", SELDOM, lambda: sum(each.sweep() for each in swept)),
                Duty("passwords that do not count", SELDOM, lambda: self.passwords.sweep(self.accounts.counts)),
                Duty("epoch of the keys", DAILY, self._turn_epoch),
                Duty("months of commands", DAILY, self._turn_months),
            ],
        )

    def _expire_drafts(self) -> int:
        with self.pool.connection() as db:
            restored = restored_within(db, SECOND_THOUGHTS)
        held = LedgerFiles(self.office, self.ledger.reader)
        return self.uploads.expire(held, self.eraser.forget_unfiled, restored)

    def _turn_epoch(self) -> int:
        erase_again(self.settings, note=True)
        turned = turn_epoch_when_due(self.settings.keys_as(DbRole.ERASER), open_kms(self.settings.key_holder))
        return int(turned is not None)

    def _turn_months(self) -> int:
        turn_months(self.settings.ledger_as(DbRole.APP))
        return 0

    def pay_link(self, case: UUID) -> str | None:
        """Where the newest card order of a case can be paid; None once it cannot."""
        _, newest = orders_of_case(self.office, case).newest()
        if newest is None or not self.office.load(Payment, newest).is_open:
            return None
        return pay_link(self.facts, self.ledger.keys, newest, self.office.desk.now())

    def _file_store(self) -> str:
        """The file store's address; a local folder is made, for its owner only."""
        if "://" not in self.settings.files:
            Path(self.settings.files).mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.settings.files
