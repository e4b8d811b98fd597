"""Backups put back by PostgreSQL's own tools: readable what must be, gone what must be, and nobody goes on unawares."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from consumer_house import At, as_url
from own_cluster import Cluster
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr
from running_office import sarkmeli

from domain.compatriot.application import Application
from domain.event import ERASED
from domain.office import UnknownCase
from housekeeping import followers, relay
from housekeeping.followers import FollowerLost
from ledger.epochs import KeysLost, turn_epoch, turn_epoch_when_due
from ledger.erasure_register import ErasureRegister
from ledger.keys import KeysMissing, destroy
from ledger.kms import KeyFolder
from ledger.lineage import OtherLineage
from projections.all import MODELS
from projections.tracking import LineageMismatch
from sarkmeli import parts
from sarkmeli.auditing import verify_ledger
from sarkmeli.following import open_checkpoints
from sarkmeli.house import open_house
from sarkmeli.read_models import rebuild_model
from sarkmeli.restoring import NotARestore, after_restore
from sarkmeli.roles import DbRole
from sarkmeli.settings import Settings
from sarkmeli.upkeep import rebase_consumer

EVERY_WRAPPING = """
CREATE TABLE wrapping (subject uuid, epoch integer);
CREATE FUNCTION note_wrapping() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN INSERT INTO public.wrapping VALUES (new.id, new.epoch); RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE ON keystore.subject FOR EACH ROW WHEN (new.wrapped IS NOT NULL)
EXECUTE FUNCTION note_wrapping();
"""
"""Has the key store note whose key is wrapped anew: what then stands in its write-ahead log and in backups."""


@pytest.fixture
def place():
    """A folder whose name is short enough for sockets, and the clusters that were made in it."""
    folder = Path(tempfile.mkdtemp(prefix="sk-", dir="/tmp"))
    folder.chmod(0o755)
    made = []

    def cluster(name):
        made.append(Cluster(folder / name))
        return made[-1]

    cluster.made = made
    yield folder, cluster
    for each in made:
        each.stop()
    shutil.rmtree(folder, ignore_errors=True)


def office_on(folder, ledger, keys):
    """Settings of an office on these two databases, ready for work."""
    settings = Settings(folder=folder / "office", database_url=ledger, keys_database_url=keys)
    parts.prepare(settings)
    return settings


def environment_of(settings):
    """What a command of the same office is started with."""
    return {"SARKMELI_FOLDER": str(settings.folder),
            "SARKMELI_DATABASE_URL": settings.database_url.get_secret_value(),
            "SARKMELI_KEYS_DATABASE_URL": settings.keys_database_url.get_secret_value()}  # fmt: skip


@contextmanager
def at_work(settings):
    with open_house(settings) as house:
        yield At(house)


def published(house):
    """What is there is signed for."""
    with open_checkpoints(house.settings) as checkpoints:
        checkpoints.run_once()


def erase(house, settings, case):
    """What erasing does to keys: the register first."""
    subject = house.office.load(Application, case).subject
    ErasureRegister(settings.erasures).add([subject], datetime.now(UTC))
    with psycopg.connect(settings.keys_as(DbRole.ERASER), autocommit=True) as keys:
        destroy(keys, [subject])


def form_of(at, case):
    return at.application(case).form


def replayed(standby, settings, position):
    """Goes on once the standby has the event at ``position``."""
    name = conninfo_to_dict(settings.ledger_conninfo)["dbname"]
    with psycopg.connect(standby.conninfo(name), autocommit=True) as connection:
        while connection.execute("SELECT max(position) FROM ledger.event").fetchone() != (position,):
            pass


def as_on(cluster, settings):
    """The ledger's address on another cluster."""
    return SecretStr(cluster.address(conninfo_to_dict(settings.ledger_conninfo)["dbname"]))


def connected_to_keys(settings):
    return psycopg.connect(settings.keys_conninfo, autocommit=True)


def follow_and_note(at, settings):
    """Read models and the notices consumer stand at the ledger's end."""
    at.project()
    reader = at.house.ledger.reader
    with at.house.pool.connection() as db:
        begun = followers.begin(db, "notices", reader.lineage(), reader.settled())
        followers.move(db, "notices", reader.lineage(), begun, reader.settled())


def test_a_ledger_twenty_days_old_with_todays_keys(place, new_database, capsys):
    folder, cluster = place
    ours = cluster("l").make()
    settings = office_on(folder, ours.database(), as_url(new_database()))
    with at_work(settings) as at:
        kept, erased = at.register("kept@example.org"), at.register("erased@example.org")
        follow_and_note(at, settings)
        published(at.house)
        with psycopg.connect(settings.ledger_conninfo) as db:
            relay.begin(db, "sarkmeli-relay", uuid4())
        backup = ours.back_up(folder / "backup")
        lost = at.register("lost@example.org")
        lost_subject = at.application(lost).subject
        after = at.house.ledger.reader.settled()
        token = at.house.ledger.tokens.encode(after)
        follow_and_note(at, settings)
        erase(at.house, settings, erased)
        published(at.house)
    turn_epoch(settings.keys_conninfo, KeyFolder(settings.keys))
    old_checkpoints = {path: path.read_bytes() for path in settings.checkpoints.glob("*.checkpoint")}
    ours.restore(backup)
    status, said = sarkmeli("ledger", "restored", "the disk died on Tuesday", **environment_of(settings))
    assert status == 0, said
    remedies = [f"sarkmeli projections rebuild {model.name}" for model in MODELS] + [
        "sarkmeli consumers rebase notices",
        "sarkmeli relay replay --from 0 (delete first the topics that sarkmeli-relay wrote)",
    ]
    for named in (*remedies, "Log 2 begins", "erased again from the register: 0"):
        assert named in said, said
    with at_work(settings) as at:
        reader = at.house.ledger.reader
        assert form_of(at, kept).email == "kept@example.org"
        assert form_of(at, erased) is ERASED
        with pytest.raises(UnknownCase):
            at.application(lost)
        assert at.house.ledger.keys.subject_key(lost_subject), "a key too many harms nothing"
        with pytest.raises(OtherLineage):
            at.house.ledger.tokens.decode(token)
        with pytest.raises(LineageMismatch, match="sarkmeli projections rebuild status"):
            at.project()
        with pytest.raises(FollowerLost, match="sarkmeli consumers rebase notices"), at.house.pool.connection() as db:
            followers.begin(db, "notices", reader.lineage(), reader.settled())
        for model in MODELS:
            rebuild_model(settings, model.name)
        rebase_consumer(settings, "notices", reader.settled())
        again = at.register("again@example.org")
        follow_and_note(at, settings)
        published(at.house)
        assert form_of(at, again).email == "again@example.org"
    assert verify_ledger(settings, None)
    first, second = capsys.readouterr().out.split("key: ")[1:]
    assert "(the disk died on Tuesday): what the checkpoints from" in first, "what log 1 signed for last is lost"
    assert f"checkpoints: {len(old_checkpoints)} in {settings.checkpoints}\n" in first
    assert "REWOUND" not in second

    oldest = min(old_checkpoints)
    oldest.write_bytes(oldest.read_bytes().replace(b"sarkmeli/", b"sarkmeli-"))
    assert not verify_ledger(settings, None), "nor is what an earlier log published left unread"
    assert f"FAULT: {oldest.name}" in capsys.readouterr().out
    oldest.write_bytes(old_checkpoints[oldest])
    assert {path: path.read_bytes() for path in old_checkpoints} == old_checkpoints, "evidence of what was lost stays"
    keys = sorted(path.name for path in settings.keys.glob("checkpoint-*.pub"))
    assert keys == ["checkpoint-1.pub", "checkpoint-2.pub"]


def test_a_command_that_the_restore_took_away_is_done_once_when_it_is_sent_again(place, new_database):
    folder, cluster = place
    ours = cluster("l").make()
    settings = office_on(folder, ours.database(), as_url(new_database()))
    with at_work(settings) as at:
        case = at.register()
        backup = ours.back_up(folder / "backup")
        before = at.office.act(at.holder(case), "withdraw", command_id := uuid4())
        receipt = at.house.compatriot.withdraw(before, case=case)
        assert at.house.compatriot.withdraw(before, case=case) == receipt
    ours.restore(backup)
    after_restore(settings, "test")
    with at_work(settings) as at:
        assert at.story(case) == []
        act = at.office.act(at.holder(case), "withdraw", command_id)
        assert at.office.desk.find_command(act) is None
        done = at.house.compatriot.withdraw(act, case=case)
        assert at.house.compatriot.withdraw(act, case=case) == done
        assert at.story(case) == ["Withdrawn"]


def test_everything_forty_days_old_is_refused_and_then_gone(place):
    """Ledger and key store as they were, the key folder as it is today: the epoch of then was destroyed."""
    folder, cluster = place
    ours = cluster("b").make()
    settings = office_on(folder, ours.database(), ours.database())
    with at_work(settings) as at:
        kept, erased = at.register("kept@example.org"), at.register("erased@example.org")
        subject = at.application(kept).subject
        published(at.house)
        backup = ours.back_up(folder / "backup")
        keys_then = shutil.copytree(settings.keys, folder / "keys of then")
        erase(at.house, settings, erased)
    turn_epoch(settings.keys_conninfo, KeyFolder(settings.keys))
    ours.restore(backup)
    with pytest.raises(KeysMissing), open_house(settings):
        pass
    with pytest.raises(KeysLost, match=r"keys of 1 persons .* epoch 1, whose key was destroyed"):
        after_restore(settings, "test")
    done = after_restore(settings, "test", accept_loss=True)
    assert (done.keys.lost, done.new_log) == (1, None), "who was erased is not counted as lost"
    with at_work(settings) as at:
        assert form_of(at, kept) is form_of(at, erased) is ERASED
        assert at.events(kept)[0] == "Registered", "what is not personal is there still"
        with pytest.raises(LookupError):
            at.house.ledger.keys.subject_key(subject, fresh=True)
        assert form_of(at, at.register("new@example.org")).email == "new@example.org"
        published(at.house)
    assert verify_ledger(settings, None)

    # A copy of the key folder that was kept for longer than it may be: the register alone stands against it.
    ours.restore(backup)
    shutil.rmtree(settings.keys)
    shutil.copytree(keys_then, settings.keys)
    with at_work(settings) as at:
        assert form_of(at, kept).email == "kept@example.org"
        assert form_of(at, erased) is ERASED, "erased again at the opening already"
    ErasureRegister(settings.erasures).add([subject], datetime.now(UTC))
    assert after_restore(settings, "test").erased_again == 1
    with at_work(settings) as at:
        assert form_of(at, kept) is ERASED


def test_a_key_store_from_before_the_last_turn_is_enabled_again_and_ends_in_time(place, new_database):
    folder, cluster = place
    ours = cluster("k").make()
    settings = office_on(folder, as_url(new_database()), ours.database())
    kms = KeyFolder(settings.keys)
    with at_work(settings) as at:
        case, erased = at.register("kept@example.org"), at.register("erased@example.org")
        backup = ours.back_up(folder / "backup")
        living, gone = (at.application(one).subject for one in (case, erased))
        erase(at.house, settings, erased)
    with connected_to_keys(settings) as keys:
        keys.execute("UPDATE keystore.epoch SET opened_at = opened_at - interval '28 days'")
    assert turn_epoch_when_due(settings.keys_conninfo, kms) == 2
    with at_work(settings) as at:
        later = at.register("later@example.org")
    ours.restore(backup)
    with pytest.raises(KeysMissing, match="sarkmeli ledger restored"), open_house(settings):
        pass
    with connected_to_keys(settings) as keys:
        keys.execute(EVERY_WRAPPING)
    with pytest.raises(KeysMissing, match="1 keys of the ledger's events were never minted"):
        after_restore(settings, "test")
    done = after_restore(settings, "test", accept_loss=True)
    assert (done.keys.epoch, done.unknown_keys, done.keys.lost) == (4, 1, 0)
    with connected_to_keys(settings) as keys:
        wrapped = keys.execute("SELECT DISTINCT subject FROM wrapping").fetchall()
    assert (living,) in wrapped
    assert (gone,) not in wrapped, "no backup of a new epoch ever holds the key of who was erased"
    with at_work(settings) as at:
        assert form_of(at, case).email == "kept@example.org"
        assert form_of(at, later) is form_of(at, erased) is ERASED
    assert kms.versions("epoch") == (1, 2, 3, 4), "the key of the turn that was lost waits, too"
    with connected_to_keys(settings) as keys:
        keys.execute("UPDATE keystore.epoch SET disabled_at = disabled_at - interval '7 days'")
    turn_epoch_when_due(settings.keys_conninfo, kms)
    assert kms.versions("epoch") == (4,)


def test_a_promoted_standby_begins_a_lineage_by_itself(place, new_database):
    folder, cluster = place
    made = cluster.made
    primary = cluster("p").make()
    settings = office_on(folder, primary.database(), as_url(new_database()))
    with at_work(settings) as at:
        standby = primary.standby(folder / "s")
        made.append(standby)
        case = at.register()
        follow_and_note(at, settings)
        published(at.house)
        reader = at.house.ledger.reader
        token, lineage, position = at.house.ledger.tokens.encode(reader.settled()), reader.lineage(), reader.settled()
        replayed(standby, settings, position)
    primary.stop()
    standby.promote()
    moved = settings.model_copy(update={"database_url": as_on(standby, settings)})
    with at_work(moved) as at:
        assert at.house.ledger.reader.lineage() != lineage
        assert at.house.ledger.reader.settled() == position, "nothing was lost"
        with pytest.raises(OtherLineage):
            at.house.ledger.tokens.decode(token)
        with pytest.raises(LineageMismatch, match="projections rebuild"):
            at.project()
        assert form_of(at, case)
        assert at.register("after@example.org")
        published(at.house)
    with at_work(moved) as at, at.house.pool.connection() as db:
        assert db.execute("SELECT count(*) FROM ledger.lineage").fetchone() == (2,), "once, not at each start"
    assert verify_ledger(moved, None), "the log goes on, for nothing that was signed is missing"


def test_history_that_was_changed_is_not_taken_for_a_restore(place, new_database, capsys):
    folder, cluster = place
    ours = cluster("l").make()
    settings = office_on(folder, ours.database(), as_url(new_database()))
    with at_work(settings) as at:
        at.register()
        published(at.house)
        backup = ours.back_up(folder / "backup")
        at.register("lost@example.org")
        published(at.house)
    ours.restore(backup)
    with at_work(settings) as at:
        at.register("too-early@example.org")
        status, said = sarkmeli("ledger", "restored", "half of it", **environment_of(settings))
        assert (status, "the office is still at work" in said, "Traceback" in said) == (1, True, False), said
    with pytest.raises(NotARestore, match="--new-log"):
        after_restore(settings, "test")
    done = after_restore(settings, "test", new_log=True)
    assert done.new_log is not None
    with at_work(settings) as at:
        published(at.house)
    assert not verify_ledger(settings, None), "log 1 signed for other events, and nothing tells of a restore there"
    assert "DIFFERS" in capsys.readouterr().out
    assert verify_ledger(settings, (settings.keys / "checkpoint-2.pub").read_text()), "whoever was told of it goes on"
