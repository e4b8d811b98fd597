"""The daily duties: the keys' epoch turns when it is old, while the house goes on working."""

import psycopg


def duty(at, name):
    return next(each for each in at.house.deadlines().duties if each.name == name).do()


def test_an_old_epoch_is_turned_and_everything_opens_as_before(at):
    case = at.register()
    code = at.house.compatriot.code_of(case)
    assert duty(at, "epoch of the keys") == 0
    with psycopg.connect(at.house.settings.keys_conninfo, autocommit=True) as db:
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
