"""`sarkmeli erase`: erasing a case's personal data."""

from __future__ import annotations

from typing import Annotated

import typer

from domain.erasure import LegalGround
from domain.language import Language
from sarkmeli.options import Folder, Tongue, audited, begin, leave


def erase(
    number: Annotated[str, typer.Argument(help="The case's number.", show_default=False)] = "",
    token: Annotated[
        str,
        typer.Option(
            envvar="SARKMELI_STAFF_TOKEN", help="A data protection officer's bearer token.", show_default=False
        ),
    ] = "",
    ground: Annotated[
        LegalGround | None, typer.Option(help="On what ground of the law; who confirms repeats it.", show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Finish what was broken off; without a number.")] = False,
    language: Tongue = Language.KA,
    folder: Folder = None,
) -> None:
    """Erase a case's personal data: one data protection officer asks, another sees what and confirms."""
    from sarkmeli import erasing

    if resume == bool(number):
        leave("say either a case's number, or --resume")
    try:
        with audited():
            if resume:
                erasing.resume_erasures(begin(folder), typer.echo)
            else:
                erasing.erase_case(begin(folder), number, token, ground, language, typer.echo)
    except erasing.NotErased as not_erased:
        leave(str(not_erased))
