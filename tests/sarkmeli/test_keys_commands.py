"""`sarkmeli keys`, as an administrator types it."""

from datetime import UTC, datetime, timedelta

from running_office import sarkmeli

from sarkmeli import parts
from sarkmeli.keys import show_keys, turn_keys
from sarkmeli.settings import Settings

WEEK = timedelta(days=7)


def test_an_epoch_is_looked_at_and_turned_by_hand(new_database, tmp_path, capsys):
    settings = Settings(folder=tmp_path, database_url=new_database(), keys_database_url=new_database())
    office = {"SARKMELI_FOLDER": str(tmp_path), "SARKMELI_DATABASE_URL": settings.database_url.get_secret_value(),
              "SARKMELI_KEYS_DATABASE_URL": settings.keys_database_url.get_secret_value()}  # fmt: skip
    status, said = sarkmeli("keys", "turn", **office)
    assert (status, "run `sarkmeli migrate`" in said, "Traceback" in said) == (1, True, False), said
    parts.prepare(settings)
    assert show_keys(settings)
    status, said = sarkmeli("keys", "turn", **office)
    assert status == 0
    day = datetime.now(UTC).date()
    assert said.startswith(
        f"epoch 2 is open. Back the key store up now: the key of epoch 1 is destroyed on {day + WEEK}"
    )
    assert said.rstrip().endswith(f"from before the turn of {day} with it")
    assert show_keys(settings)
    assert "the key of epoch 1 is destroyed on" in capsys.readouterr().out
    said = turn_keys(settings, at_once=True)
    assert said.startswith("epoch 3 is open, and the keys of all before it are destroyed: no backup")
    assert [path.name for path in (tmp_path / "keys").glob("epoch*")] == ["epoch-3.key"]
    (tmp_path / "keys" / "epoch-3.key").unlink()
    status, said = sarkmeli("keys", "status", **office)
    assert status == 1
    assert "FAULT: epoch 3: its key is missing" in said
