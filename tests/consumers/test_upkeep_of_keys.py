"""The daily duties: the keys' epoch turns when it is old, while the house goes on working."""

import psycopg
import pytest

from ledger.erasure_register import ErasureRegister
from ledger.keys import SubjectErased
from ledger.lineage import begin_lineage
from sarkmeli.roles import DbRole


def duty(at, name):
    return next(each for each in at.house.deadlines().duties if each.name == name).do()


def test_an_old_epoch_is_turned_and_everything_opens_as_before(at):
    case = at.register()
    code = at.house.compatriot.code_of(case)
    back = at.house.ledger.keys.mint()
    ErasureRegister(at.house.settings.erasures).add([back], at.office.desk.now())
    assert duty(at, "epoch of the keys") == 0
    with psycopg.connect(at.house.settings.keys_conninfo, autocommit=True) as db:
        with pytest.raises(SubjectErased):
            at.house.ledger.keys.subject_key(back, fresh=True)
        assert db.execute("SELECT count(*) FROM keystore.register_read").fetchone() == (1,)
        db.execute("UPDATE keystore.epoch SET opened_at = opened_at - interval '36 days'")
    assert (duty(at, "epoch of the keys"), duty(at, "epoch of the keys")) == (1, 0)
    assert at.house.compatriot.code_of(case) == code
    assert at.application(at.register()).form


def test_the_months_of_commands_are_made_ahead(at):
    with psycopg.connect(at.house.settings.ledger_conninfo, autocommit=True) as db:
        db.execute("DROP TABLE " + db.execute(
            "SELECT max(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'ledger.command'::regclass"
            " AND inhrelid::regclass::text ~ '[0-9]$'").fetchone()[0])  # fmt: skip
        counted = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'ledger.command'::regclass"
        (before,) = db.execute(counted).fetchone()
        duty(at, "months of commands")
        assert db.execute(counted).fetchone() == (before + 1,)


def test_a_key_without_a_case_waits_after_a_restore_and_never_stands_in_the_register(at):
    settings, keys = at.house.settings, at.house.ledger.keys
    unfiled = at.house.drafts.open("198.51.100.7")
    with psycopg.connect(settings.ledger_as(DbRole.OWNER), autocommit=True) as db:
        db.execute("UPDATE housekeeping.draft SET expires_at = now()")
        begin_lineage(db, "an old backup, for want of a younger one")
        assert duty(at, "drafts and uploads") == 0
        assert keys.subject_key(unfiled.subject, fresh=True), "it may have been filed after the backup"
        db.execute("ALTER TABLE ledger.lineage DISABLE TRIGGER ALL")
        db.execute("UPDATE ledger.lineage SET began_at = began_at - interval '15 days'")
    assert duty(at, "drafts and uploads") == 1
    with pytest.raises(SubjectErased):
        keys.subject_key(unfiled.subject, fresh=True)
    assert unfiled.subject not in ErasureRegister(settings.erasures).subjects()
