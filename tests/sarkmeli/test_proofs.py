"""What `sarkmeli audit prove` prints, checked by Go's own implementation of transparency logs and signed notes."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest
from signed_ledger import SignedLedger

from ledger.audit import prove_consistency, prove_inclusion
from ledger.schema import make_ledger
from sarkmeli.auditing import consistency_told, inclusion_told

PROGRAM = Path(__file__).parents[1] / "ledger" / "go"


@pytest.fixture(scope="session")
def checker(tmp_path_factory):
    """The Go program, built; a function from proofs to what it says of each."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go toolchain on PATH: proofs were checked by our own code only")
    program = tmp_path_factory.mktemp("go") / "check"
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"}
    built = subprocess.run(
        [go, "build", "-buildvcs=false", "-o", program, "."],
        cwd=PROGRAM,
        env=environment,
        capture_output=True,
        text=True,
    )
    if built.returncode and "golang.org/x/mod" in built.stderr and "dial" in built.stderr:
        pytest.skip(f"golang.org/x/mod cannot be fetched here: {built.stderr}")
    assert built.returncode == 0, built.stderr

    def check(*proofs):
        given = "".join(json.dumps(proof) + "\n" for proof in proofs)
        return subprocess.run([program], input=given, capture_output=True, text=True, check=True).stdout.splitlines()

    return check


def test_proofs_and_notes_hold_for_another_implementation_and_broken_ones_do_not(checker, new_database, tmp_path):
    conninfo = new_database()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        make_ledger(connection)
    signed = SignedLedger(conninfo, tmp_path, origin="sarkmeli/3c2b0e4e-6f2a-4a57-9d5e-1f6c3e1d7a55")
    for more in (1, 6, 249, 1, 300):
        signed.add(more)
        signed.publish()
    key, sizes = signed.signer().key, signed.publication.sizes()
    with signed.connect() as connection:
        positions = [row[0] for row in connection.execute("SELECT position FROM ledger.event ORDER BY 1")]
        inclusions = [
            inclusion_told(key, prove_inclusion(connection, signed.publication, key, positions[index]))
            for index in (0, 1, 6, 255, 256, 300, 511, 512, 556)
        ]
        growths = [
            consistency_told(key, prove_consistency(connection, signed.publication, key, old, new))
            for old in sizes
            for new in sizes
            if old <= new
        ]
    assert checker(*inclusions, *growths) == ["ok"] * (9 + 15)
    one, growth = inclusions[3], growths[2]
    other_root = {**one, "checkpoint": one["checkpoint"].replace("\n557\n", "\n556\n")}
    broken = [{**one, "index": 254}, {**one, "leaf": inclusions[2]["leaf"]}, {**one, "proof": one["proof"][1:]},
              other_root, {**one, "key": one["key"][:-2] + "A="}, {**growth, "proof": growth["proof"][::-1][1:]},
              {**growth, "old": growths[-1]["checkpoint"]}]  # fmt: skip
    assert all(said.startswith("refused") for said in checker(*broken)), checker(*broken)
