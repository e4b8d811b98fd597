"""Checking the ledger against the checkpoints that were published, and proving to others what it says.

Nothing in the database is believed: every event is read and hashed again, and only a published, signed root decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from ledger import merkle
from ledger.checkpoint import BadCheckpoint, Checkpoint, VerifierKey
from ledger.leaves import FIRST, LAST, Leaf, hash_row, position_of, rows_in_order
from ledger.lineage import Begun
from ledger.merkle import Frontier
from ledger.publication import Publication
from ledger.tree import BrokenTree, place_of, stored_leaves, stored_subtrees

BATCH: Final = 8192
"""Rows held at once."""


@dataclass(frozen=True)
class Differs:
    """Where the ledger is not what was signed.

    Every event up to position ``after`` is as it was (`ledger.leaves.FIRST` if none is). ``position`` is the first that
    is not (None: the ledger ends before it), so what was changed, put in, taken out or moved lies behind ``after`` and
    not behind ``position``. Unless ``exact``, the stored hashes were changed too, and ``after`` and ``position`` are
    those of the checkpoints on either side.
    """

    size: int
    """Of the checkpoint that fails first."""
    index: int
    """Of the first leaf that differs, or that can."""
    after: int
    position: int | None
    exact: bool

    def __str__(self) -> str:
        behind = (
            f"every event up to position {self.after} is as it was signed" if self.index else "from the first event"
        )
        if self.position is None:
            found = "behind it events are missing that were signed for"
        elif self.exact:
            found = f"what stands at position {self.position} is not what was signed as event {self.index + 1}"
        else:
            found = f"the next changed event is at position {self.position} at the latest (stored hashes changed too)"
        return f"{behind}; {found}. First failing checkpoint: {self.size} events"


@dataclass(frozen=True)
class Verdict:
    """What a check found: whether all is well, how much is signed for, and every fault in words."""

    checkpoints: int
    events: int
    """Events that were found as signed."""
    position: int
    """The last one's position."""
    differs: Differs | None
    faults: tuple[str, ...]
    """Of the published files themselves."""

    @property
    def is_well(self) -> bool:
        """Whether ledger and files agree."""
        return self.differs is None and not self.faults

    def superseded(self, lineages: Sequence[Begun]) -> Begun | None:
        """Where history was rewound under a log that is signed no more, if that is why the ledger differs from it.

        That is: behind its last checkpoint that holds a lineage began, and before the first that does not. None where
        nothing was ever noted there, so that history was changed and not restored.
        """
        if self.differs is None:
            return None
        found = [one for one in lineages if self.events <= one.events < self.differs.size]
        return next((one for one in reversed(found) if one.after == found[0].after), None)


def believed(publication: Publication, key: VerifierKey) -> tuple[list[Checkpoint], list[str]]:
    """The published checkpoints that the key signed, by size; and what is wrong with the others."""
    good: list[Checkpoint] = []
    faults: list[str] = []
    for size in publication.sizes():
        name = publication.name(size)
        try:
            checkpoint = key.open(publication.read(size))
        except (BadCheckpoint, OSError) as bad:
            faults.append(f"{name}: {bad}")
            continue
        if checkpoint.size == size:
            good.append(checkpoint)
        else:
            faults.append(f"{name}: it signs for {checkpoint.size} events")
    return good, faults


def verify(
    connection: Connection[Any],
    publication: Publication,
    key: VerifierKey,
    last_signed: Checkpoint | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Verdict:
    """Hash every event again and compare with every published checkpoint, up to the first that fails.

    ``last_signed``, from the signer itself, betrays checkpoints that were taken from the folder. ``told`` hears of how
    many events were hashed.
    """
    checkpoints, faults = believed(publication, key)
    if last_signed is not None and (not checkpoints or checkpoints[-1].size < last_signed.size):
        faults.append(f"the last checkpoint that was signed, of {last_signed.size} events, is not in the folder")
    else:
        last_signed = None
    walk = _Walk(connection)
    differs: Differs | None = None
    for checkpoint in (*checkpoints, *([last_signed] if last_signed else [])):
        differs = walk.reach(checkpoint)
        if differs is not None:
            break
        told(checkpoint.size)
    return Verdict(
        checkpoints=len(checkpoints),
        events=walk.events,
        position=max(0, walk.position),
        differs=differs,
        faults=tuple(faults),
    )


class _Walk:
    """One walk over all events, from checkpoint to checkpoint. The ``events`` up to ``position`` were as signed."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._rows = self._every_row()
        self._frontier = Frontier()
        self.position = FIRST
        self.events = 0

    def reach(self, checkpoint: Checkpoint) -> Differs | None:
        """Go on to the checkpoint; where the events behind the one before differ, if they do."""
        begun, first = self._frontier.copy(), self._frontier.size
        hashes: list[bytes] = []
        positions = [self.position]
        while self._frontier.size < checkpoint.size and (row := next(self._rows, None)) is not None:
            hashes.append(hash_row(self._frontier.size, positions[-1] if self._frontier.size else 0, row))
            positions.append(position_of(row))
            self._frontier.append(hashes[-1])
        if self._frontier.size == checkpoint.size and self._frontier.root() == checkpoint.root:
            self.position, self.events = positions[-1], checkpoint.size
            return None
        return self._located(checkpoint, begun, first, hashes, positions)

    def _every_row(self) -> Iterator[bytes]:
        """From the very first row, also one that was put at a position before any that is drawn."""
        after = FIRST
        while batch := list(rows_in_order(self._connection, after, LAST, BATCH)):
            yield from batch
            after = position_of(batch[-1])

    def _located(
        self, checkpoint: Checkpoint, begun: Frontier, first: int, hashes: Sequence[bytes], positions: Sequence[int]
    ) -> Differs:
        """Which of these leaves is not what was signed: the stored ones tell, if they lead to the signed root."""
        stored = stored_leaves(self._connection, first, checkpoint.size) if checkpoint.size > first else []
        for leaf in stored:
            begun.append(leaf)
        exact = begun.size == checkpoint.size and begun.root() == checkpoint.root
        same = 0
        if exact:
            same = next(
                (number for number, (now, then) in enumerate(zip(hashes, stored, strict=False)) if now != then),
                len(hashes),
            )
        at: int | None
        if exact:
            at = positions[same + 1] if same < len(hashes) else None
        else:
            at = positions[-1] if first + len(hashes) == checkpoint.size else None
        return Differs(checkpoint.size, first + same, positions[same], at, exact)


class NotProven(Exception):
    """No proof can be given: the event or checkpoint is not there, or what is stored does not lead to the root."""


@dataclass(frozen=True)
class Inclusion:
    """That an event is in the tree of a published checkpoint."""

    checkpoint: Checkpoint
    note: str
    leaf: Leaf
    proof: tuple[bytes, ...]


@dataclass(frozen=True)
class Consistency:
    """That the tree of an earlier published checkpoint is the beginning of a later one's."""

    old: Checkpoint
    old_note: str
    new: Checkpoint
    new_note: str
    proof: tuple[bytes, ...]


def prove_inclusion(
    connection: Connection[Any], publication: Publication, key: VerifierKey, position: int
) -> Inclusion:
    """The event at ``position`` in the last published tree, checked before it is given. Raises: NotProven."""
    checkpoints, _ = believed(publication, key)
    if not checkpoints:
        raise NotProven("no checkpoint was published yet")
    last = checkpoints[-1]
    place = place_of(connection, position)
    found = list(rows_in_order(connection, position - 1, position))
    if place is None or not found:
        raise NotProven(f"no event stands at position {position}")
    index, after = place
    if index >= last.size:
        raise NotProven(f"position {position} is younger than the last published checkpoint, of {last.size} events")
    leaf = Leaf(index, after, position, found[0])
    proof = _proof(lambda: merkle.inclusion_proof(index, last.size, stored_subtrees(connection)))
    if not merkle.includes(proof, index, last.size, merkle.leaf_hash(leaf.content), last.root):
        raise NotProven(f"position {position} is not what was signed, or the stored tree is not: verify says where")
    return Inclusion(last, publication.read(last.size).decode(), leaf, tuple(proof))


def prove_consistency(
    connection: Connection[Any], publication: Publication, key: VerifierKey, old: int, new: int
) -> Consistency:
    """That the checkpoint of ``new`` events extends that of ``old``, checked before it is given. Raises: NotProven."""
    by_size = {checkpoint.size: checkpoint for checkpoint in believed(publication, key)[0]}
    for size in (old, new):
        if size not in by_size:
            near = ", ".join(map(str, sorted(by_size, key=lambda known: abs(known - size))[:3])) or "none"
            raise NotProven(f"no checkpoint of {size} events was published; the nearest are: {near}")
    if not 0 < old <= new:
        raise NotProven(f"{old} events do not come before {new}")
    proof = _proof(lambda: merkle.consistency_proof(old, new, stored_subtrees(connection)))
    if not merkle.extends(proof, old, new, by_size[old].root, by_size[new].root):
        raise NotProven("the stored tree does not lead from the one root to the other: verify says where")
    return Consistency(
        by_size[old], publication.read(old).decode(), by_size[new], publication.read(new).decode(), tuple(proof)
    )


def _proof(make: Callable[[], list[bytes]]) -> list[bytes]:
    try:
        return make()
    except BrokenTree as broken:
        raise NotProven(f"the stored tree is broken: {broken}") from None
