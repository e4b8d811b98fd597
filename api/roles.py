"""Who may ask what: every staff field and the roles it is for, in one table that a test walks.

A root field that stands here is refused to everybody else before its resolver runs; one that stands neither here nor
in `PUBLIC` cannot be served (the schema's test says so). A staff command is done in the first of its roles, in the
order of `IN_ORDER`, that the account holds.
"""

from __future__ import annotations

from typing import Final

from domain.people import Role

IN_ORDER: Final = (Role.OPERATOR, Role.CONSULTANT, Role.OFFICER, Role.CHIEF, Role.CASHIER, Role.AUDITOR)

_OPERATOR: Final = frozenset({Role.OPERATOR})
_CONSULTANT: Final = frozenset({Role.CONSULTANT})
AT_A_BAR: Final = _OPERATOR | _CONSULTANT
"""Who calls people in, each at the bar of their service."""
_OFFICER: Final = frozenset({Role.OFFICER})
_CHIEF: Final = frozenset({Role.CHIEF})
_CASHIER: Final = frozenset({Role.CASHIER})
_AUDITOR: Final = frozenset({Role.AUDITOR})
_REVIEW: Final = _OFFICER | _CHIEF

STAFF_ONLY: Final[dict[str, frozenset[Role]]] = {
    "Mutation.claimNextCall": AT_A_BAR,
    "Mutation.recordChecks": AT_A_BAR,
    "Mutation.verify": AT_A_BAR,
    "Mutation.refuseReception": AT_A_BAR,
    "Mutation.breakOffCall": AT_A_BAR,
    "Mutation.abandonCall": AT_A_BAR,
    "Mutation.startReview": _OFFICER,
    "Mutation.requestInformation": _OFFICER,
    "Mutation.openCaseDraft": _OFFICER,
    "Mutation.attachDocument": _OFFICER,
    "Mutation.prepareConclusion": _OFFICER,
    "Mutation.assign": _CHIEF,
    "Mutation.extendTerm": _CHIEF,
    "Mutation.decide": _CHIEF,
    "Mutation.matchPayment": _CASHIER,
    "Mutation.orderRefund": _CASHIER,
    "Mutation.sendReadOutCode": _CONSULTANT,
    "Mutation.clarifyUsername": _CONSULTANT,
    "Mutation.activateAtCentre": _CONSULTANT,
    "Query.call": AT_A_BAR,
    "Query.registrationAtCentre": _CONSULTANT,
    "Query.case": _REVIEW,
    "Query.officerCases": _REVIEW,
    "Query.suspense": _CASHIER,
    "Query.refundsDue": _CASHIER,
    "Query.caseEvents": _AUDITOR,
    "Query.node": _REVIEW,
}
"""The roles that each staff field is for."""

DOCUMENTS: Final = _OPERATOR | _REVIEW
"""Who may download a case's documents: officers and the chief, and the operator of its call while it lasts."""

PUBLIC: Final = frozenset(
    {
        "Mutation.openDraft",
        "Mutation.requestEmailCode",
        "Mutation.confirmEmail",
        "Mutation.registerApplication",
        "Mutation.enterBar",
        "Mutation.leaveBar",
        "Mutation.openPayment",
        "Mutation.openPapersDraft",
        "Mutation.provideInformation",
        "Mutation.giveConsent",
        "Mutation.withdrawConsent",
        "Mutation.requestOneTimeCode",
        "Mutation.withdraw",
        "Mutation.reissueCode",
        "Mutation.resendCode",
        "Mutation.receiveDecision",
        "Mutation.requestMobileCode",
        "Mutation.confirmMobile",
        "Mutation.registerTaxpayer",
        "Mutation.sendActivationLink",
        "Mutation.activateByLink",
        "Mutation.disownRegistration",
        "Mutation.signIn",
        "Mutation.signOut",
        "Mutation.changePassword",
        "Query.account",
        "Query.status",
        "Query.callPlace",
        "Query.me",
        "Query.office",
        "Query.centres",
        "Query.usernameFree",
        "Query.openActivationLink",
    }
)
"""Fields that need no staff account: a taxpayer's session, a draft's or link's secret, number and code or nothing."""


def acting_role(held: frozenset[Role], asked: frozenset[Role]) -> Role | None:
    """The role in which an account that holds ``held`` does what is for ``asked``; None if it may not."""
    return next((role for role in IN_ORDER if role in held and role in asked), None)
