"""Which event of a registration is told to the taxpayer by which mail, and what the mail says: looked up when sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from consumers.letters import Letterhead, NobodyToWrite, NothingToTell, about
from domain.event import Erased, Root
from domain.number import group_code, group_number
from domain.office import UnknownCase
from domain.taxpayer.addressee import addressee
from domain.taxpayer.commands import Commands
from domain.taxpayer.form import Form
from domain.taxpayer.registration import Registration
from domain.taxpayer.state import RegistrationState, Route
from gateways.mail import Message
from housekeeping.notices import Notice

KINDS: Final[Mapping[type[Root.Event], str]] = {
    Registration.Registered: "registration_filed",
    Registration.CodeReissued: "registration_code_reissued",
    Registration.Activated: "activated",
    Registration.ActivationRefused: "activation_refused",
    Registration.Superseded: "registration_superseded",
    Registration.PasswordChanged: "password_changed",
    Registration.ExpiryWarned: "registration_expiry_warned",
    Registration.Expired: "registration_expired",
}
"""The mail's name in ``texts/`` by the event that it tells of. That a link was sent is told by the link itself."""


class RegistrationLetters:
    """Writes the mail of a notice, in the language that the form asked for: implements `Letters`."""

    kinds = KINDS

    def __init__(self, registrations: Commands, head: Letterhead) -> None:
        self.registrations = registrations
        self.head = head

    def write(self, notice: Notice) -> Message:
        """The mail. Raises: NobodyToWrite, NothingToTell."""
        office = self.registrations.office
        registration = office.load(Registration, notice.case_id)
        if registration.is_forgotten:
            raise NothingToTell
        form, number = registration.form, registration.number
        if not isinstance(form, Form) or isinstance(number, Erased):
            raise NobodyToWrite
        happened = office.history(notice.stream)
        told = next(event for event in happened if event.originator_version == notice.version)
        return self.head.letter(
            notice.kind,
            form.language.value,
            to=addressee(form, happened[: happened.index(told) + 1]),
            about=about(notice),
            number=group_number(number),
            username=form.username,
            **self._facts(told, happened, registration),
        )

    def _facts(self, told: Root.Event, happened: Sequence[Root.Event], registration: Registration) -> dict[str, Any]:
        """What the mail says beside number and username: of the event, and of the registration as it stands now."""
        match told:
            case Registration.Registered():
                return {"code": self._code(registration), "until": registration.activation_until}
            case Registration.CodeReissued():
                return {"code": self._code(registration)}
            case Registration.Activated() as activated:
                return {"by_link": activated.route is Route.LINK, "address": f"{self.head.url}/activate"}
            case Registration.ActivationRefused() as refused:
                waits = registration.state is RegistrationState.AWAITING_ACTIVATION
                if not (refused.ends or waits):
                    raise NothingToTell
                return {"ended": refused.ends, "open_until": None if refused.ends else registration.activation_until}
            case Registration.PasswordChanged() as changed:
                return {"changed": changed.timestamp, "by_link": changed.route is Route.LINK}
            case Registration.ExpiryWarned():
                last = [event for event in happened if isinstance(event, Registration.ExpiryWarned)][-1]
                if last is not told or registration.state is not RegistrationState.AWAITING_ACTIVATION:
                    raise NothingToTell
                return {"until": registration.activation_until}
            case _:
                return {}

    def _code(self, registration: Registration) -> str:
        """The code in force now: one that was reissued meanwhile is the one that opens."""
        try:
            return group_code(self.registrations.code_of(registration.id))
        except (UnknownCase, LookupError):
            raise NobodyToWrite from None
