"""What follows the ledger and opens nothing that is sealed: the projection runner and the checkpoints, without keys."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager

import psycopg

from consumers.duties import Duties, Duty
from ledger.checkpointer import Checkpointer, was_signed
from ledger.connecting import LINK
from ledger.kms import open_kms
from ledger.logs import current_log
from ledger.opening import bound_key_store, open_reader
from ledger.signer import SigningFolder
from projections.all import MODELS
from projections.runner import Runner
from sarkmeli.roles import DbRole
from sarkmeli.settings import Settings


def models() -> Sequence[str]:
    """The read models, for a log line."""
    return [f"{model.name}_v{model.version}" for model in MODELS]


@contextmanager
def open_runner(settings: Settings) -> Generator[Runner]:
    """The projection runner. Raises: UnsafeDurability, psycopg.Error."""
    conninfo = settings.ledger_as(DbRole.RUNNER)
    with closing(open_reader(conninfo)) as reader:
        yield Runner(conninfo, reader, MODELS)


@contextmanager
def open_checkpoints(settings: Settings) -> Generator[Duties]:
    """What publishes the ledger's checkpoints. Raises: KeysMissing, KmsUnavailable, psycopg.Error."""
    conninfo = settings.ledger_as(DbRole.SIGNER)
    kms = open_kms(settings.key_holder)
    with psycopg.connect(conninfo, autocommit=True, **LINK) as db:
        log = current_log(kms, bound_key_store(db), settings.checkpoints)
        new = not log.publication.sizes() and not was_signed(db)
    signer = SigningFolder(settings.keys, log.origin, new=new, kms=kms, log=log.number)
    with closing(Checkpointer(conninfo, signer, log.publication)) as checkpointer:
        yield Duties("checkpoints", [Duty("checkpoints", settings.checkpoint_every, checkpointer.round)])
