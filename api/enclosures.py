"""Uploads on their way into a case: held safe from expiry, told as the domain's documents."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from api.declined import DraftRequired
from api.ports import Ports
from domain.compatriot.documents import Document, DocumentKind
from housekeeping.drafts import Draft


def enclosed(ports: Ports, draft: Draft | None, case: UUID | None, uploads: Sequence[UUID]) -> tuple[Document, ...]:
    """These uploads of the draft, to be enclosed in ``case`` (None: in the case that the draft becomes).

    Raises: DraftRequired if the draft is another's, DraftOver, UploadUnknown.
    """
    if draft is None or draft.case != case:
        raise DraftRequired
    return tuple(
        Document(
            id=upload.id,
            kind=DocumentKind(upload.kind),
            media_type=upload.media_type,
            size=upload.size,
            digest=upload.digest,
            file=upload.file,
        )
        for upload in ports.uploads.hold(draft, uploads)
    )
