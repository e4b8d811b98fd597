"""Drafts that only wait for registerApplication: made beside the service, because only the command is measured."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

from sarkmeli.house import House
from sarkmeli.story import Story

HANDS = 4
"""Threads that make drafts: their commits wait for the disk together."""

KINDS = ("PHOTOGRAPH", "PHOTOGRAPH", "IDENTITY", "MOTIVATION_LETTER")


@dataclass(frozen=True)
class ReadyDraft:
    """A draft's secret and what its registration says."""

    token: str
    variables: dict[str, Any]


def ready_drafts(house: House, story: Story, count: int) -> list[ReadyDraft]:
    """So many drafts, each with four uploads and its address confirmed."""
    with ThreadPoolExecutor(HANDS) as hands:
        return list(hands.map(partial(_ready, house, story), range(count)))


def _ready(house: House, story: Story, number: int) -> ReadyDraft:
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    opened = house.drafts.open(address)
    email = f"bench.{uuid4().hex}@example.com"
    house.drafts.confirm_email(opened.id, email)
    draft = house.drafts.find(opened.token)
    assert draft is not None
    uploads: list[str] = []
    for kind in KINDS:
        slot = house.uploads.begin(draft, kind, address, 64)
        with ExitStack() as written:
            for file in (slot.file, slot.original):
                writer = written.enter_context(house.files.writer(draft.subject, file))
                writer.write(os.urandom(64))
                writer.finish()
        digest = hashlib.sha256(os.urandom(16)).hexdigest()
        kept = house.uploads.keep(slot, "image/jpeg", 64, 64, digest)
        assert kept is not None
        uploads.append(str(kept.id))
    form = {**story.form(), "email": email}
    consents = [{"kind": "PERSONAL_DATA", "version": "v1", "language": "KA"}]
    asked = {"commandId": str(uuid4()), "form": form, "documents": uploads, "consents": consents}
    return ReadyDraft(opened.token, {"input": asked})
