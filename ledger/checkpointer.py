"""Keeps the tree over settled events current and publishes its checkpoints. Killed anywhere, it goes on where it was.

What is appended to the tree is committed before its root is signed; the signer notes what it signs before it gives the
signature away; a checkpoint is in its file before the database says so. So each step may be repeated, none undone.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import Connection

from ledger import merkle
from ledger.barrier import Barrier
from ledger.checkpoint import Checkpoint
from ledger.connecting import LINK, SESSION, rows
from ledger.leaves import rows_in_order
from ledger.publication import Publication
from ledger.signer import Signer, refuse_other_history
from ledger.tree import Tree, stored_subtrees

BATCH: Final = 16_384
"""Events of one transaction."""

ALONE: Final = "SELECT pg_try_advisory_lock(1398895211, 6)"
"""One checkpointer a ledger (``Sark`` in ASCII: see `ledger.barrier`)."""

_NOTED: Final = "SELECT coalesce(max(size), 0) FROM ledger.checkpoint"
_NOTE: Final = """
INSERT INTO ledger.checkpoint (size, position, root, note) VALUES (%s, %s, %s, %s) ON CONFLICT (size) DO NOTHING
"""


def was_signed(connection: Connection[Any]) -> bool:
    """Whether the database knows of a checkpoint."""
    return bool(rows(connection, "SELECT FROM ledger.checkpoint LIMIT 1"))


class Checkpointer:
    """Follows the ledger on a connection of its own. One thread."""

    def __init__(self, conninfo: str, signer: Signer, publication: Publication) -> None:
        self._conninfo = conninfo
        self._signer = signer
        self._publication = publication
        self._barrier = Barrier()
        self._connection: Connection[Any] | None = None
        self._tree: Tree | None = None
        self._published: Checkpoint | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._tree = self._published = None

    def round(self) -> int:
        """Take in what is settled and publish a checkpoint if there is anything new; how many events are new.

        Does nothing while another one works. After an error the next round begins from what is stored.
        Raises: OtherHistory, AnotherPublished, BadCheckpoint, BrokenTree, KeysMissing, psycopg.Error, OSError.
        """
        with self._standing() as connection:
            if connection is None:
                return 0
            taken = 0
            while new := self._take(connection):
                taken += new
            self._publish(connection)
            return taken

    def take(self, limit: int = BATCH) -> int:
        """Take in at most ``limit`` settled events, and publish nothing; how many. Raises as `round`."""
        with self._standing() as connection:
            return 0 if connection is None else self._take(connection, limit)

    @contextmanager
    def _standing(self) -> Generator[Connection[Any] | None]:
        try:
            connection = self._connection
            if connection is None or connection.closed:
                self.close()
                connection = psycopg.connect(self._conninfo, autocommit=True, **LINK)
                connection.execute(SESSION)
                if not rows(connection, ALONE)[0][0]:
                    connection.close()
                    yield None
                    return
                self._connection = connection
            yield connection
        except BaseException:
            self.close()
            raise

    def _take(self, connection: Connection[Any], limit: int = BATCH) -> int:
        tree = self._tree = self._tree or Tree.load(connection)
        settled = self._barrier.settled(connection)
        if settled <= tree.position:
            return 0
        with connection.transaction():
            return tree.append(connection, rows_in_order(connection, tree.position, settled, limit))

    def _publish(self, connection: Connection[Any]) -> None:
        tree = self._tree = self._tree or Tree.load(connection)
        published = self._last_published()
        if tree.size == 0 and published is None:
            return
        if published is not None and published == self._published and published.size == tree.size:
            return
        subtree = stored_subtrees(connection)
        root = merkle.root(tree.size, subtree)

        def proof(old: int, new: int) -> list[bytes]:
            return merkle.consistency_proof(old, new, subtree)

        if published is not None:
            refuse_other_history(published, tree.size, root, proof)
        note = self._signer.sign(tree.size, root, proof)
        if published is None or published.size < tree.size:
            self._publication.publish(tree.size, note)
        if rows(connection, _NOTED)[0][0] < tree.size:
            connection.execute(_NOTE, (tree.size, tree.position, root, note))
        self._published = Checkpoint(self._signer.key.name, tree.size, root)

    def _last_published(self) -> Checkpoint | None:
        """The last checkpoint in the folder, whoever put it there. Raises: BadCheckpoint, OSError."""
        if self._published is not None:
            return self._signer.key.open(self._publication.latest())
        sizes = self._publication.sizes()
        return self._signer.key.open(self._publication.read(sizes[-1])) if sizes else None
