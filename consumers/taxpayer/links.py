"""Mails activation links: asks the public registry, off-line, where the taxpayer's registered mail goes.

Who asked has long been answered, with the same sentence whoever the number belongs to, known or not. A request is
taken under a lease: its next try is set before anything is done about it, so that a kill or a neighbour that is away
costs a pause and nothing else. Every step may be repeated. The link sent is a command whose id follows from the
request, its tokens are derived from the request, the letter's Message-ID too: whoever gets the letter twice gets one
letter, whose links open.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import psycopg
import structlog
from eventsourcing.persistence import PersistenceError

from consumers.acting import act_upon
from consumers.duties import Later
from consumers.letters import Letterhead
from domain.calendar import tbilisi_date
from domain.office import Office
from domain.refusals import Refusal
from domain.taxpayer.at_the_bar import ACCOUNT
from domain.taxpayer.commands import Commands
from domain.taxpayer.form import Form
from domain.taxpayer.registration import Registration
from domain.taxpayer.registry import PublicRegistry, PublicRegistryUnavailable
from domain.taxpayer.siblings import Siblings
from domain.taxpayer.state import RegistrationState
from gateways.mail import Mail, MailRejected, MailUnavailable, Message
from housekeeping.links import LinkRequest, LinkRequests, LinkTokens

log = structlog.get_logger("deadlines")

BRAKE: Final = 3
"""Refused so often in a row, a neighbour is taken to be away and not the one request to be at fault."""
LinkSent = Registration.ActivationLinkSent
ACTIVATION: Final = "activation_link"
PASSWORD: Final = "password_link"  # noqa: S105 - a mail's name


class Links:
    """The duty. ``head`` writes the letters; ``page`` is the address whose fragment is a token."""

    def __init__(
        self,
        commands: Commands,
        registry: PublicRegistry,
        requests: LinkRequests,
        tokens: LinkTokens,
        mail: Mail,
        head: Letterhead,
    ) -> None:
        self.commands = commands
        self.office: Office = commands.office
        self.siblings = Siblings(commands.office)
        self.registry = registry
        self.requests = requests
        self.tokens = tokens
        self.mail = mail
        self.head = head
        self.page = f"{head.url}/activate"

    def send(self) -> int:
        """Answer every request whose turn has come. How many letters went. Raises: Later, if a neighbour is away."""
        sent = in_a_row = 0
        while (request := self.requests.take()) is not None:
            try:
                sent += self._answered(request)
                in_a_row = 0
            except (PublicRegistryUnavailable, MailUnavailable) as away:
                in_a_row += 1
                log.warning("link put off", request=str(request.id), why=type(away).__name__, tries=request.tries)
                if in_a_row >= BRAKE:
                    raise Later("the public registry or the mail server is away") from away
            except (psycopg.Error, PersistenceError):
                raise
            except Exception as error:
                # A mistake of ours about one request must not stop the others.
                log.error("link not sent", request=str(request.id), error=type(error).__name__, exc_info=True)
        return sent

    def _answered(self, request: LinkRequest) -> bool:
        """Whether a letter went; without one the request is done if there is nobody to write to or of.

        Raises: PublicRegistryUnavailable, MailUnavailable.
        """
        letter = self._letter(request)
        if letter is not None:
            try:
                self.mail.send(letter)
            except MailRejected:
                log.error("link given up", request=str(request.id), why="MailRejected")
                letter = None
        self.requests.done(request.id)
        return letter is not None

    def _letter(self, request: LinkRequest) -> Message | None:
        """One letter with the link of each registration that it opens, None if there is none or no address.

        Of very many forms the newest have links, and the letter says how many more there are.

        Raises: PublicRegistryUnavailable.
        """
        entry = self.registry.find(request.identification)
        if entry is None or entry.email is None or entry.struck_off:
            return None
        account = self._account(request.identification)
        awaiting = self.siblings.awaiting(request.identification)
        if account is not None:
            # Noted of the forms that await as well, though the letter names the account alone: else whoever filed one
            # in another's name would read off its look-up, by the link that is missing, that they have an account.
            for one in awaiting.newest:
                self._noted(request, one, entry.email)
        found = awaiting.newest if account is None else (account,)
        links = [link for one in found if (link := self._link(request, one, entry.email)) is not None]
        if not links:
            return None
        until = min(until for _, until in links)
        facts = [facts for facts, _ in links]
        language, about = request.language.value, request.id.hex
        if account is None:
            said = {"registrations": facts, "until": until, "more": awaiting.more}
            return self.head.letter(ACTIVATION, language, to=entry.email, about=about, **said)
        return self.head.letter(PASSWORD, language, to=entry.email, about=about, until=until, **facts[0])

    def _account(self, identification: str) -> Registration | None:
        """The taxpayer's active registration."""
        found = self.office.find(ACCOUNT, identification)
        registration = self.office.load(Registration, found) if found is not None else None
        return registration if registration and registration.state is RegistrationState.ACTIVE else None

    def _link(
        self, request: LinkRequest, registration: Registration, to: str
    ) -> tuple[dict[str, Any], datetime] | None:
        """What the letter says of one registration and until when its link opens; None if there is none to be sent.

        History first, then the token, then the letter: a link that somebody holds is one that opens.
        """
        if not self._noted(request, registration, to):
            return None
        sent = self.office.load(Registration, registration.id)
        if sent.link_until is None or not isinstance(sent.form, Form):
            return None  # it was opened meanwhile, by a letter that did go out
        token = self.tokens.issue(request.id, sent.id, self.commands.rules.link_lasts)
        facts = {
            "username": sent.form.username,
            "filed": tbilisi_date(sent.created_on),
            "address": f"{self.page}#{token}",
        }
        return facts, sent.link_until

    def _noted(self, request: LinkRequest, registration: Registration, to: str) -> bool:
        """Whether history now says that a link goes there."""
        lasts = self.commands.rules.link_lasts
        # A letter that did not go out for half that time is about a link sent anew.
        renewed = int((self.office.desk.now() - request.asked_at) / (lasts / 2))
        act = act_upon(self.office, "send link", request.id, registration.id, renewed)
        if not self._earlier_stand(registration, to):
            self.tokens.end(registration.id)  # before history says that a link opens: it would open them again
        try:
            self.commands.send_link(act, case=registration.id, to=to)
        except Refusal as refusal:
            log.info("no link", case=str(registration.id), why=refusal.code)
            return False
        return True

    def _earlier_stand(self, registration: Registration, to: str) -> bool:
        """Whether the links sent before stay good beside a new one: none was used, and they went where it goes."""
        if registration.link_until is None:
            return False
        sent = [each.to for each in self.office.history(registration.id) if isinstance(each, LinkSent)]
        return sent[-1:] == [to]
