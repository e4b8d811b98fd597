"""Whom the office writes to of a registration: whoever filed it, until the taxpayer showed who they are."""

from __future__ import annotations

from collections.abc import Sequence

from domain.event import Root
from domain.taxpayer.form import Form
from domain.taxpayer.registration import Registration
from domain.taxpayer.state import Route


def addressee(form: Form, happened: Sequence[Root.Event]) -> str:
    """Whom to write of the last of what ``happened``: the e-mail of the form, until a link activated the registration.

    Whoever filed a form showed no more than that they read the mail they gave; who opened the link reads the mail that
    the public registry holds for the taxpayer. From then on the office writes there, so that somebody who filed in the
    taxpayer's name learns nothing more, and a taxpayer whose password is changed hears of it.
    """
    sent_to: str | None = None
    for event in happened:
        match event:
            case Registration.ActivationLinkSent(to=str() as to):
                sent_to = to
            case Registration.Activated(route=Route.LINK) if sent_to is not None:
                return sent_to
            case _:
                pass
    return form.email
