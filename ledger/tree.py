"""The tree over settled events as it is kept: tiles of 256 hashes, so that appending writes what is new and no more.

What stands here only makes proofs quick. It is believed as far as it leads to a root that was signed and published,
because whoever can change an event can change these tables too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from psycopg import Connection

from ledger import merkle
from ledger.connecting import rows
from ledger.leaves import hash_row, position_of
from ledger.merkle import HASH_BYTES

DDL: Final = """
CREATE TABLE IF NOT EXISTS ledger.tree (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    size     bigint NOT NULL,
    position bigint NOT NULL
);
INSERT INTO ledger.tree (size, position) VALUES (0, 0) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS ledger.tile (
    level          smallint NOT NULL,
    number         bigint NOT NULL,
    first_position bigint,
    hashes         bytea NOT NULL,
    PRIMARY KEY (level, number)
);
CREATE INDEX IF NOT EXISTS tile_first_position ON ledger.tile (first_position) WHERE level = 0;
CREATE TABLE IF NOT EXISTS ledger.checkpoint (
    size      bigint PRIMARY KEY,
    position  bigint NOT NULL,
    root      bytea NOT NULL,
    note      text NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_trigger
        WHERE tgrelid = 'ledger.checkpoint'::regclass AND tgname = 'append_only' AND tgenabled = 'A'
    ) THEN
        CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.checkpoint
            FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
        ALTER TABLE ledger.checkpoint ENABLE ALWAYS TRIGGER append_only;
    END IF;
END
$$;
"""
"""``tile.hashes`` of level *n* are those of complete subtrees of 256^n leaves; all tiles are full but the last of each
level. ``first_position`` is that of the first event of a tile of leaves. ``tree.position`` is the last event's."""

WIDTH: Final = 256
HEIGHT: Final = 8

_STATE: Final = "SELECT size, position FROM ledger.tree"
_TILE: Final = "SELECT hashes FROM ledger.tile WHERE level = %s AND number = %s"
_PUT: Final = """
INSERT INTO ledger.tile (level, number, first_position, hashes)
SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bigint[], %s::bytea[])
ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes, first_position = excluded.first_position
"""
_MOVE: Final = "UPDATE ledger.tree SET size = %s, position = %s WHERE size = %s AND position = %s"


class MovedByAnother(Exception):
    """Somebody else appended to the tree meanwhile; nothing was written. Load it and go on."""


class BrokenTree(Exception):
    """The stored tree lacks a tile that it must have, or has one of another size."""


class Tree:
    """The tree's right edge in memory: the unfinished tile of each level."""

    def __init__(self, size: int, position: int, edge: list[list[bytes]], first_position: int | None) -> None:
        self.size = size
        self.position = position
        self._edge = edge
        self._first_position = first_position

    @classmethod
    def load(cls, connection: Connection[Any]) -> Tree:
        """The tree as it is stored. Raises: BrokenTree."""
        ((size, position),) = rows(connection, _STATE)
        edge: list[list[bytes]] = []
        count = size
        while count:
            held = count % WIDTH
            edge.append(_tile(connection, len(edge), count // WIDTH)[:held] if held else [])
            if len(edge[-1]) != held:
                raise BrokenTree(f"tile {count // WIDTH} of level {len(edge) - 1} holds too little")
            count //= WIDTH
        first = rows(
            connection, "SELECT first_position FROM ledger.tile WHERE level = 0 AND number = %s", (size // WIDTH,)
        )
        return cls(size, position, edge, first[0][0] if first and size % WIDTH else None)

    def append(self, connection: Connection[Any], events: Iterable[bytes]) -> int:
        """Append rows (`ledger.leaves.rows_in_order`) in one transaction, the connection's; how many there were.

        The tree in memory is not to be used after an error. Raises: MovedByAnother.
        """
        size, position = self.size, self.position
        tiles: dict[tuple[int, int], tuple[int | None, list[bytes]]] = {}
        edge = self._edge
        if not edge:
            edge.append([])
        leaves = edge[0]
        for row in events:
            if not leaves:
                self._first_position = position_of(row)
            leaves.append(hash_row(self.size, self.position, row))
            self.size += 1
            self.position = position_of(row)
            if len(leaves) == WIDTH:
                self._fill(tiles)
                leaves = edge[0]
        if self.size == size:
            return 0
        count = self.size
        for level, held in enumerate(edge):
            if held:
                tiles[level, count // WIDTH] = (None if level else self._first_position, held)
            count //= WIDTH
        if connection.execute(_MOVE, (self.size, self.position, size, position)).rowcount != 1:
            raise MovedByAnother(f"the tree no longer has {size} leaves")
        connection.execute(
            _PUT,
            (
                [level for level, _ in tiles],
                [number for _, number in tiles],
                [first for first, _ in tiles.values()],
                [b"".join(hashes) for _, hashes in tiles.values()],
            ),
        )
        return self.size - size

    def _fill(self, tiles: dict[tuple[int, int], tuple[int | None, list[bytes]]]) -> None:
        """Put full tiles aside, their roots into the level above."""
        level, count = 0, self.size
        while len(self._edge[level]) == WIDTH:
            full = self._edge[level]
            tiles[level, count // WIDTH - 1] = (None if level else self._first_position, full)
            self._edge[level] = []
            level, count = level + 1, count // WIDTH
            if level == len(self._edge):
                self._edge.append([])
            self._edge[level].append(merkle.complete_root(full))


def stored_subtrees(connection: Connection[Any]) -> merkle.Subtree:
    """Complete subtrees' hashes from the stored tiles, each tile read once. Raises (when asked): BrokenTree."""
    known: dict[tuple[int, int], list[bytes]] = {}

    def subtree(level: int, index: int) -> bytes:
        tile_level, within = divmod(level, HEIGHT)
        first = index << within
        place = (tile_level, first // WIDTH)
        if place not in known:
            known[place] = _tile(connection, *place)
        begin = first % WIDTH
        hashes = known[place][begin : begin + (1 << within)]
        if len(hashes) != 1 << within:
            raise BrokenTree(f"tile {place[1]} of level {tile_level} holds too little")
        return merkle.complete_root(hashes)

    return subtree


def stored_leaves(connection: Connection[Any], first: int, end: int) -> list[bytes]:
    """The stored hashes of leaves ``first`` up to ``end``; fewer if they are not all there."""
    found = dict(
        rows(
            connection,
            "SELECT number, hashes FROM ledger.tile WHERE level = 0 AND number BETWEEN %s AND %s",
            (first // WIDTH, (end - 1) // WIDTH),
        )
    )
    hashes: list[bytes] = []
    for number in range(first // WIDTH, (end - 1) // WIDTH + 1):
        tile = found.get(number, b"")
        hashes += _cut(tile)
        if len(tile) != WIDTH * HASH_BYTES:
            break
    skipped = first % WIDTH
    return hashes[skipped : skipped + end - first]


def _tile(connection: Connection[Any], level: int, number: int) -> list[bytes]:
    found = rows(connection, _TILE, (level, number))
    if not found:
        raise BrokenTree(f"tile {number} of level {level} is not there")
    return _cut(found[0][0])


def _cut(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def place_of(connection: Connection[Any], position: int) -> tuple[int, int] | None:
    """The index of the leaf at ``position`` and the position before it, by the stored tree; None if it has no such.

    To be believed only with a proof: the leaf says both.
    """
    tile = rows(
        connection,
        "SELECT number, first_position FROM ledger.tile WHERE level = 0 AND first_position <= %s "
        "ORDER BY first_position DESC LIMIT 1",
        (position,),
    )
    if not tile:
        return None
    number, first = tile[0]
    ((there, offset, before),) = rows(
        connection,
        "SELECT EXISTS (SELECT FROM ledger.event WHERE position = %s), "
        "(SELECT count(*) FROM ledger.event WHERE position >= %s AND position < %s), "
        "(SELECT coalesce(max(position), 0) FROM ledger.event WHERE position < %s)",
        (position, first, position, position),
    )
    return (number * WIDTH + offset, before) if there else None
