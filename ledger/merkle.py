"""The Merkle tree hash of RFC 6962, section 2.1 (RFC 9162 has the same), its proofs and how they are checked. Pure.

A tree of ``size`` leaves is never held whole here: whoever asks says how to find the hash of a *complete subtree*, by
``(level, index)``: the one over leaves ``index * 2**level`` up to ``(index + 1) * 2**level``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32

Subtree = Callable[[int, int], bytes]
"""The hash of the complete subtree (level, index)."""

EMPTY_ROOT: Final = sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    """A leaf's hash; never equal to a node's, whatever the leaf."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees side by side."""
    return sha256(b"\x01" + left + right).digest()


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """The root over as many hashes as a power of two, all of the same level."""
    level = list(hashes)
    while len(level) > 1:
        pairs = iter(level)
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return level[0]


def range_hash(first: int, end: int, subtree: Subtree) -> bytes:
    """The tree hash of leaves ``first`` up to ``end``, where ``first`` is where RFC 6962 may begin a subtree."""
    count = end - first
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return subtree(level, first >> level)
    split = first + _largest_power_below(count)
    return node_hash(range_hash(first, split, subtree), range_hash(split, end, subtree))


def root(size: int, subtree: Subtree) -> bytes:
    """The tree's root."""
    return range_hash(0, size, subtree) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """The audit path of leaf ``index`` in the tree of ``size`` leaves, from the leaf upwards (2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    path: list[bytes] = []
    first, end = 0, size
    while end - first > 1:
        split = first + _largest_power_below(end - first)
        if index < split:
            path.append(range_hash(split, end, subtree))
            end = split
        else:
            path.append(range_hash(first, split, subtree))
            first = split
    return path[::-1]


def consistency_proof(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """That the tree of ``old`` leaves is the beginning of the one of ``new`` (2.1.2)."""
    if not 0 < old <= new:
        raise ValueError(f"no tree of {old} begins one of {new}")
    path: list[bytes] = []
    first, end, known = 0, new, True
    while old != end:
        split = first + _largest_power_below(end - first)
        if old <= split:
            path.append(range_hash(split, end, subtree))
            end = split
        else:
            path.append(range_hash(first, split, subtree))
            first, known = split, False
    if not known:
        path.append(range_hash(first, end, subtree))
    return path[::-1]


def includes(proof: Sequence[bytes], index: int, size: int, leaf: bytes, root: bytes) -> bool:
    """Whether ``proof`` shows that the leaf with this hash stands at ``index`` of the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, reached = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            reached = node_hash(step, reached)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            reached = node_hash(reached, step)
        position, last = position >> 1, last >> 1
    return last == 0 and reached == root


def extends(proof: Sequence[bytes], old: int, new: int, old_root: bytes, new_root: bytes) -> bool:
    """Whether ``proof`` shows that the ``new`` tree begins with the ``old`` one (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not steps:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            after = node_hash(after, step)
        position, last = position >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


class Frontier:
    """A tree's right edge, enough to append to it and to know its root: one hash a set bit of its size."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """One more leaf, by its hash."""
        position, reached = self.size, leaf
        while position & 1:
            reached = sha256(b"\x01" + self._edge.pop() + reached).digest()
            position >>= 1
        self._edge.append(reached)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree so far."""
        if not self._edge:
            return EMPTY_ROOT
        reached = self._edge[-1]
        for left in self._edge[-2::-1]:
            reached = node_hash(left, reached)
        return reached

    def copy(self) -> Frontier:
        """Another edge to append to, with this one as its beginning."""
        other = Frontier()
        other.size, other._edge = self.size, list(self._edge)
        return other


def _largest_power_below(count: int) -> int:
    """The largest power of two smaller than ``count``, which is 2 or more."""
    return 1 << ((count - 1).bit_length() - 1)
