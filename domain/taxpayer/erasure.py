"""What may be done about erasing a registration's personal data, and what belongs to it: its calls, its username."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.cases import NUMBER
from domain.erasure import LegalGround
from domain.event import Act, Root
from domain.office import Office, Receipt
from domain.people import SubjectId
from domain.taxpayer.form import Form
from domain.taxpayer.registration import Registration
from domain.taxpayer.username import Username, username_address
from domain.videobar.call import Call
from domain.videobar.commands import calls_of_case


@dataclass(frozen=True)
class Belongings:
    """A registration and every stream that says something of its person."""

    case: Registration
    calls: tuple[Call, ...]
    draft: UUID
    """What the registration was filed from."""
    username: UUID | None
    """The stream of the name that goes with it."""

    @property
    def subjects(self) -> tuple[SubjectId, ...]:
        """The person: nobody else's data are in it."""
        return () if self.case.subject is None else (self.case.subject,)

    @property
    def files(self) -> tuple[UUID, ...]:
        """The recordings: the form has no enclosures."""
        return tuple(file for call in self.calls for file in call.files)

    @property
    def call_ids(self) -> tuple[UUID, ...]:
        """Its calls at the video bar."""
        return tuple(call.id for call in self.calls)

    @property
    def streams(self) -> tuple[UUID, ...]:
        """Every stream that is fenced, the registration's own first."""
        return (*self.addressed, *self.call_ids)

    @property
    def addressed(self) -> tuple[UUID, ...]:
        """Nothing leads to the registration any more, nor to the name that it had last."""
        return (self.case.id,) if self.username is None else (self.case.id, self.username)


class Erasures:
    """The commands. Each may be repeated with the same ``act``: it is done once. All raise UnknownCase."""

    fences = (Registration.ErasureRequested, Username.ErasureRequested, Call.ErasureRequested)
    never_again = (NUMBER,)

    def __init__(self, office: Office) -> None:
        self.office = office

    def check(self, act: Act, *, case: UUID, ground: LegalGround) -> None:
        """Whether the first of two persons may ask for it now. Raises: as `Registration.refuse_unless_erasable`."""
        self.office.load(Registration, case).refuse_unless_erasable(act, ground)

    def request(self, act: Act, *, case: UUID, ground: LegalGround, asked_by: str, asked_at: datetime) -> Receipt:
        """The second person confirms: registration, calls and username are fenced, in one transaction.

        The name is released, and this stream of it is closed: whoever wants it begins another. A name that somebody
        else has had since is theirs and stays. Raises: as `Registration.request_erasure`.
        """

        def decide() -> Receipt:
            found = self.belongings(case)
            username = self._username_of(found.case)
            others: list[Root] = []
            if username is not None and username.request_erasure(act, registration=case):
                others.append(username)
            found.case.request_erasure(
                act,
                ground=ground,
                asked_by=asked_by,
                asked_at=asked_at,
                username=username.id if username is not None and others else None,
            )
            for call in found.calls:
                call.request_erasure(act)
            return self.office.commit(found.case, *others, *found.calls, act=act)

        return self.office.perform(act, decide)

    def finish(self, act: Act, *, case: UUID, subjects: tuple[SubjectId, ...]) -> Receipt:
        """Say that all is erased, once it is. Raises: NotForThisRole."""

        def decide() -> Receipt:
            registration = self.office.load(Registration, case)
            if not registration.erased(act, subjects):
                return Receipt(stream=registration.id, version=registration.version, position=0)
            return self.office.commit(registration, act=act)

        return self.office.perform(act, decide)

    def belongings(self, case: UUID) -> Belongings:
        """All that belongs to the registration, as the ledger has it now."""
        registration = self.office.load(Registration, case)
        calls = tuple(self.office.load(Call, call) for call in calls_of_case(self.office, case).every())
        return Belongings(registration, calls, registration.draft, registration.username_erased)

    def _username_of(self, registration: Registration) -> Username | None:
        if not isinstance(registration.form, Form):
            return None
        found = self.office.find(*username_address(registration.form.username))
        return None if found is None else self.office.load(Username, found)
