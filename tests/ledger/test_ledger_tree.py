"""The tree over the ledger and its checkpoints: RFC 6962's hash, one root signed a size, a kill costs nothing."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql
from signed_ledger import SignedLedger

from ledger import merkle
from ledger.audit import NotProven, prove_consistency, prove_inclusion
from ledger.checkpoint import BadCheckpoint, Checkpoint, VerifierKey
from ledger.kms import KeysMissing
from ledger.leaves import DOMAIN
from ledger.merkle import Frontier, leaf_hash, node_hash
from ledger.publication import AnotherPublished, Publication
from ledger.signer import OtherHistory, replace_file
from ledger.tree import MovedByAnother, Tree, stored_subtrees

LEAVES = [leaf_hash(bytes([number % 256, number // 256])) for number in range(600)]


@pytest.fixture
def signed(house, tmp_path: Path) -> SignedLedger:
    return SignedLedger(house.ledger_conninfo, tmp_path)


def as_written(hashes):
    """MTH of RFC 6962, section 2.1, word by word."""
    if not hashes:
        return merkle.EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(as_written(hashes[:split]), as_written(hashes[split:]))


def subtree(level, index):
    return as_written(LEAVES[index << level : (index + 1) << level])


def test_the_hash_is_the_rfcs_own():
    """Vectors that certificate transparency's implementations share."""
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf_hash(bytes.fromhex(leaf)))
    assert frontier.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@settings(max_examples=200, deadline=None)
@given(size=st.integers(1, 600), of=st.data())
def test_every_proof_holds_and_no_other(size, of):
    index, old = of.draw(st.integers(0, size - 1)), of.draw(st.integers(1, size))
    root, old_root = as_written(LEAVES[:size]), as_written(LEAVES[:old])
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    assert merkle.root(size, subtree) == frontier.root() == root
    path = merkle.inclusion_proof(index, size, subtree)
    assert merkle.includes(path, index, size, LEAVES[index], root)
    assert not merkle.includes(path, index, size, LEAVES[(index + 1) % 600], root)
    assert not merkle.includes(path, (index + 1) % size, size, LEAVES[index], root) or size == 1
    assert not merkle.includes([*path, root], index, size, LEAVES[index], root)
    steps = merkle.consistency_proof(old, size, subtree)
    assert merkle.extends(steps, old, size, old_root, root)
    assert not merkle.extends(steps, old, size, LEAVES[599], root)
    assert not merkle.extends(steps, old, size, old_root, LEAVES[599])
    assert not merkle.extends([*steps, root], old, size, old_root, root)


def test_batches_of_any_size_make_the_same_tree(signed):
    """Through two tile levels, in uneven batches and by trees loaded anew, as one frontier makes it."""
    signed.add(70_000)
    with signed.checkpointer() as checkpointer:
        for limit in (1, 255, 1, 700, 3, 40_000):
            assert checkpointer.take(limit) == limit
            checkpointer.close()
        assert checkpointer.round() == 70_000 - 40_960
    verdict = signed.verify()
    assert verdict.is_well, verdict
    assert (verdict.checkpoints, verdict.events) == (1, 70_000)
    with signed.connect() as connection:
        assert len(connection.execute("SELECT FROM ledger.tile").fetchall()) == 274 + 2 + 1
        root = merkle.root(65_536, stored_subtrees(connection))
        proof = merkle.consistency_proof(65_536, 70_000, stored_subtrees(connection))
        assert merkle.extends(proof, 65_536, 70_000, root, merkle.root(70_000, stored_subtrees(connection)))


def test_two_that_append_cannot_both(signed):
    signed.add(10)
    with signed.connect() as connection:
        one, other = Tree.load(connection), Tree.load(connection)
        row = (11).to_bytes(2, "big") + (8).to_bytes(4, "big") + (1).to_bytes(8, "big")
        assert one.append(connection, [row]) == 1
        with pytest.raises(MovedByAnother), connection.transaction():
            other.append(connection, [row])
    with signed.checkpointer() as first, signed.checkpointer() as second:
        first.take(1)
        assert second.round() == 0


class Killed(BaseException):
    pass


class Steps:
    """Counts what is done and ends it at the chosen step, before or after."""

    def __init__(self, at: int) -> None:
        self.left = at

    def around(self, do):
        def stepping(*arguments):
            self._step()
            done = do(*arguments)
            self._step()
            return done

        return stepping

    def _step(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


@pytest.mark.parametrize("at", range(1, 9))
def test_a_kill_at_any_step_costs_nothing_and_signs_no_second_root(signed, monkeypatch, at):
    signed.add(300)
    signed.publish()
    signed.add(300)
    steps = Steps(at)
    signer, publication = signed.signer(), Publication(signed.folder / "checkpoints")
    monkeypatch.setattr(signer, "sign", steps.around(signer.sign))
    monkeypatch.setattr(publication, "publish", steps.around(publication.publish))
    with signed.checkpointer(signer, publication) as checkpointer:
        monkeypatch.setattr(checkpointer, "_take", steps.around(checkpointer._take))
        with pytest.raises(Killed):
            checkpointer.round()
    signed.add(5 if at % 2 else 0)
    signed.publish()
    assert signed.verify().is_well
    assert signed.publication.sizes()[-1] == 605 if at % 2 else 600
    with signed.connect() as connection:
        noted = connection.execute("SELECT size, root FROM ledger.checkpoint ORDER BY size").fetchall()
    for size, root in noted:
        assert signed.signer().key.open(signed.publication.read(size)).root == bytes(root)


def rewind(signed, size):
    """What a restore from a backup does to ledger and tree, then other events."""
    with signed.connect() as connection, connection.transaction():
        for table in ("event", "checkpoint"):
            connection.execute(sql.SQL("ALTER TABLE ledger.{} DISABLE TRIGGER ALL").format(sql.Identifier(table)))
        connection.execute(
            "DELETE FROM ledger.event WHERE position > (SELECT position FROM ledger.event ORDER BY position "
            "OFFSET %s LIMIT 1)",
            (size - 1,),
        )
        connection.execute("TRUNCATE ledger.tile, ledger.tree, ledger.checkpoint")
        connection.execute("INSERT INTO ledger.tree (size, position) VALUES (0, 0)")


@pytest.mark.parametrize("folder_lost", [False, True])
@pytest.mark.parametrize("more", [10, 50, 90])
def test_another_history_is_never_signed(signed, more, folder_lost):
    """A rewound ledger, shorter, as long and longer than what was signed; also if the published folder is gone."""
    signed.add(100)
    signed.publish()
    rewind(signed, 50)
    signed.add(more)
    if folder_lost:
        for file in signed.publication.folder.iterdir():
            file.unlink()
    for _ in range(2):
        with pytest.raises(OtherHistory):
            signed.publish()
    assert signed.publication.sizes() == ([] if folder_lost else [100])
    assert not signed.verify().is_well


def test_a_tree_made_again_from_the_same_events_goes_on(signed):
    signed.add(100)
    signed.publish()
    with signed.connect() as connection:
        connection.execute("TRUNCATE ledger.tile; UPDATE ledger.tree SET size = 0, position = 0")
    signed.add(1)
    signed.publish()
    assert signed.publication.sizes() == [100, 101]
    assert signed.verify().is_well


def test_a_lost_key_is_not_replaced_and_an_old_signers_memory_is_not_enough(signed):
    signed.add(5)
    signed.publish()
    keys = signed.folder / "keys"
    remembered = (keys / "checkpoint-1.signed").read_bytes()
    (keys / "checkpoint-1.key").rename(keys / "away")
    with pytest.raises(KeysMissing):
        signed.signer()
    (keys / "checkpoint-1.signed").unlink()
    with pytest.raises(KeysMissing):
        signed.signer(new=False)
    (keys / "away").rename(keys / "checkpoint-1.key")
    (keys / "checkpoint-1.signed").write_bytes(remembered)
    rewind(signed, 2)
    signed.add(9)
    (keys / "checkpoint-1.signed").unlink()
    with pytest.raises(OtherHistory):  # the folder remembers
        signed.publish()


def test_what_was_published_is_never_replaced(signed):
    signed.publication.publish(3, "one")
    signed.publication.publish(3, "one")
    with pytest.raises(AnotherPublished):
        signed.publication.publish(3, "two")
    assert signed.publication.read(3) == b"one"
    assert [file.name for file in sorted(signed.publication.folder.iterdir())] == [f"{3:020}.checkpoint", "latest"]


def test_a_full_disk_is_not_filled_further_by_what_could_not_be_written(signed, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    signed.add(3)
    signed.publish()
    folders = signed.publication.folder, signed.folder / "keys"
    before = [sorted(folder.iterdir()) for folder in folders]
    monkeypatch.setattr("ledger.signer.os.fsync", full)
    for write in (lambda: signed.publication.publish(4, "four"), lambda: replace_file(folders[1] / "new", b"new")):
        with pytest.raises(OSError, match="no space left"):
            write()
    assert [sorted(folder.iterdir()) for folder in folders] == before


def test_proofs_are_of_the_very_event_and_refused_for_any_other(signed):
    signed.add(400)
    signed.publish()
    signed.add(137)
    signed.publish()
    signed.add(1)
    key = signed.signer().key
    with signed.connect() as connection:
        positions = [row[0] for row in connection.execute("SELECT position FROM ledger.event ORDER BY 1")]
        for index in (0, 1, 255, 256, 399, 536):
            found = prove_inclusion(connection, signed.publication, key, positions[index])
            before = positions[index - 1] if index else 0
            assert (found.leaf.index, found.leaf.after) == (index, before)
            assert found.leaf.content.startswith(DOMAIN + index.to_bytes(8, "big") + before.to_bytes(8, "big"))
        for missing in (positions[3] - 1, positions[537], positions[537] + 1, 0, -1):
            if missing not in positions[:537]:
                with pytest.raises(NotProven):
                    prove_inclusion(connection, signed.publication, key, missing)
        assert len(prove_consistency(connection, signed.publication, key, 400, 537).proof) > 2
        for old, new in ((537, 400), (399, 537), (400, 538), (0, 400)):
            with pytest.raises(NotProven):
                prove_consistency(connection, signed.publication, key, old, new)
        connection.execute("UPDATE ledger.tile SET hashes = set_byte(hashes, 7, 1 - get_byte(hashes, 7) % 2)")
        with pytest.raises(NotProven):
            prove_inclusion(connection, signed.publication, key, positions[0])


def test_only_the_keys_own_note_of_this_log_is_believed(signed):
    signed.add(1)
    signed.publish()
    key, note = signed.signer().key, signed.publication.read(1)
    assert VerifierKey.parse(f"{key}\n") == key
    assert key.open(note) == Checkpoint(signed.origin, 1, key.open(note).root)
    assert key.open(note + "— somebody.else AAAAAAAA\n".encode()).size == 1
    other = VerifierKey(signed.origin, bytes(32))
    changed = (
        note.replace(b"\n1\n", b"\n2\n"), note.replace(b"\n1\n", b"\n01\n"), note[:-1], note + b"\n", b"", b"\xff",
        note.replace(b"\n\n", b"\nextension\n\n"), note[: note.index("—".encode())], note * 900,
        note.replace(b"example", b"exampel"), note.replace("— ".encode(), "— x".encode()), note + b"no signature\n",
    )  # fmt: skip
    for wrong in changed:
        with pytest.raises(BadCheckpoint):
            key.open(wrong)
    with pytest.raises(BadCheckpoint):
        other.open(note)
    for wrong in ("", "a+00000000+AQ==", str(key).replace("+", " "), str(key)[:-4] + "AAAA"):
        with pytest.raises(ValueError):
            VerifierKey.parse(wrong)
