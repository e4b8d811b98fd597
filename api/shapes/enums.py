"""The domain's enums as the schema names them. To be imported before any type that uses one."""

from __future__ import annotations

from api.faces import enum_face
from domain.compatriot.decision import Outcome
from domain.compatriot.documents import DocumentKind
from domain.compatriot.form import Channel, IdentityKind, Sex, Tier
from domain.compatriot.state import Missing, State
from domain.compatriot.term import TermRule
from domain.consents import ConsentKind
from domain.faults import FaultCode
from domain.language import Language
from domain.payments import payment
from domain.payments.case import Method, RefundReason
from domain.people import Role
from domain.taxpayer.form import TaxpayerKind
from domain.taxpayer.state import RefusalGround, RegistrationState, Route
from domain.videobar import terms
from domain.videobar.case import Ground
from domain.videobar.checks import CheckKind, Source, Verdict

__all__ = ["NAMED"]

NAMED = {
    Outcome: "Outcome",
    DocumentKind: "DocumentKind",
    FaultCode: "FaultCode",
    Channel: "PaymentChannel",
    ConsentKind: "ConsentKind",
    IdentityKind: "IdentityKind",
    Language: "Language",
    Sex: "Sex",
    Tier: "Tier",
    Missing: "Missing",
    State: "State",
    TermRule: "TermRule",
    Method: "PaymentMethod",
    RefundReason: "RefundReason",
    payment.Doubt: "Doubt",
    payment.Failure: "PaymentFailure",
    payment.Phase: "PaymentPhase",
    payment.Matching: "Matching",
    Role: "Role",
    TaxpayerKind: "TaxpayerKind",
    RegistrationState: "RegistrationState",
    RefusalGround: "ActivationRefusalGround",
    Route: "ActivationRoute",
    terms.Side: "Side",
    terms.Channel: "CallChannel",
    terms.BreakOff: "BreakOff",
    terms.Phase: "CallPhase",
    terms.Outcome: "CallOutcome",
    terms.Leaving: "CallLeaving",
    Ground: "Ground",
    CheckKind: "CheckKind",
    Source: "CheckSource",
    Verdict: "Verdict",
}
"""Every enum of the contract by its name there: some domain names are plain only within their folder."""

for _kind, _name in NAMED.items():
    enum_face(_kind, _name)
