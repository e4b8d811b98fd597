"""What every service's cases share: how one is found, its code, its fence at erasure, how a command changes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from uuid import UUID

from eventsourcing.domain import AggregateEvent, DecoratedFuncCaller, decorated_funcs
from typing_extensions import override

from domain.erasure import ErasureUnderWay, PersonalDataGone
from domain.event import Act, Erased, Root
from domain.number import CaseCode
from domain.office import Office, Receipt, Subjects, UnknownCase
from domain.people import Role
from domain.roles import refuse_unless_holder, refuse_unless_role

NUMBER: Final = "number"
"""The kind of address by which a case's number finds it; the numbers of all services are of one kind."""
DRAFT: Final = "draft"
"""The kind of address that makes one case of a draft and no more."""


class NumberedCase(Root):
    """A case of any service. Its events and what they leave behind stand in one class, its rules in another upon it."""

    if TYPE_CHECKING:  # at run time they would be taken for a dataclass's fields
        number: str | Erased
        code_version: int
        code_issue: int
        erasing: bool
        is_erased: bool
        PersonalDataErased: type[AggregateEvent]

    def __init_subclass__(cls) -> None:
        """The library makes each subclass event classes of its own and finds what an event does by its exact class."""
        super().__init_subclass__()
        for kind in vars(cls).values():
            if isinstance(kind, type) and issubclass(kind, DecoratedFuncCaller):
                decorated_funcs[kind] = next(decorated_funcs[base] for base in kind.__mro__ if base in decorated_funcs)

    @property
    def is_forgotten(self) -> bool:
        """Whether its personal data are erased, or are to be: nothing more is noted in it."""
        return self.erasing or self.is_erased

    def refuse_if_forgotten(self) -> None:
        """Raises: ErasureUnderWay, PersonalDataGone."""
        if self.erasing:
            raise ErasureUnderWay
        if self.is_erased:
            raise PersonalDataGone

    def erased(self, act: Act, subjects: tuple[UUID, ...]) -> bool:
        """The office has erased everything that two persons asked for; said once. Raises: NotForThisRole."""
        refuse_unless_role(act, Role.SYSTEM)
        if not self.erasing:
            return False
        self.record(self.PersonalDataErased, act, subjects=subjects)
        return True

    @override
    def record(self, event_class: type[AggregateEvent], act: Act, **facts: Any) -> None:
        """The fence: whatever a method forgot to ask. Raises: ErasureUnderWay, PersonalDataGone."""
        if event_class is not self.PersonalDataErased:
            self.refuse_if_forgotten()
        super().record(event_class, act, **facts)


C = TypeVar("C", bound=NumberedCase)


class CaseCommands(Generic[C]):
    """The base of a service's commands: of one ``kind`` of case, and the name of the ``service`` in their codes."""

    def __init__(self, office: Office, subjects: Subjects, kind: type[C], service: str) -> None:
        self.office = office
        self.subjects = subjects
        self._kind = kind
        self._service = service

    def code_of(self, case: UUID) -> CaseCode:
        """The code in force of a case, ungrouped. Raises: UnknownCase, also once its personal data are erased."""
        return self.code_in_force(self.office.load(self._kind, case))

    def code_in_force(self, case: C) -> CaseCode:
        """As `code_of`, of a case that is loaded already."""
        if case.subject is None or case.is_forgotten or not isinstance(case.number, str):
            raise UnknownCase
        version, issue = case.code_version, case.code_issue
        return CaseCode(self.subjects.code(case.subject, self._service, case.number, version, issue))

    def _loaded(self, case: UUID) -> C:
        """A case in which something may still happen. Raises: UnknownCase, ErasureUnderWay, PersonalDataGone."""
        found = self.office.load(self._kind, case)
        found.refuse_if_forgotten()
        return found

    def _by_holder(self, act: Act, case: UUID, change: Callable[[C], object]) -> Receipt:
        return self._change(act, case, change, check=lambda: refuse_unless_holder(act, case))

    def _change(
        self,
        act: Act,
        case: UUID,
        change: Callable[[C], object],
        check: Callable[[], None] = lambda: None,
    ) -> Receipt:
        """Check, load, change, commit; a change that recorded nothing leaves nothing to commit."""

        def decide() -> Receipt:
            check()
            found = self._loaded(case)
            change(found)
            if not found.pending_events:
                return Receipt(stream=found.id, version=found.version, position=0)
            return self.office.commit(found, act=act)

        return self.office.perform(act, decide)
