"""Who may do what in the databases, tried out by logins of their own on real PostgreSQL."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import role_attacks
from eventsourcing.persistence import StoredEvent
from ledger_samples import somebody, write
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from domain.office import Office
from housekeeping.schema import HOUSEKEEPING_DDL
from ledger.append import Append
from ledger.opening import open_ledger
from ledger.schema import KEYS_DDL, LEDGER_DDL
from projections.schema import PROJECTIONS_DDL
from sarkmeli.migrate import NotAllowed, create_databases, migrate
from sarkmeli.rights import WrongRights, keep_to_rights
from sarkmeli.roles import WORKERS, DbRole, become
from sarkmeli.settings import Settings


@dataclass
class Databases:
    """An office's two databases, with roles of its own that log in themselves."""

    admin: str
    ledger: str
    keys: str
    prefix: str
    folder: Path

    def as_role(self, conninfo, role):
        if role is DbRole.OWNER:
            return become(conninfo, role, self.prefix)
        return make_conninfo(conninfo, user=role.named(self.prefix))

    def connect(self, conninfo, role=None):
        made = conninfo if role is None else self.as_role(conninfo, role)
        return closing(psycopg.connect(made, autocommit=True))

    def open(self, role=DbRole.APP):
        return open_ledger(self.as_role(self.ledger, role), self.as_role(self.keys, role), self.folder)

    def migrate(self):
        migrate(self.ledger, self.keys, self.prefix, login=True)

    def settings(self, **more):
        """As an agency's: the address of a server of its own."""
        given = {"database_url": self.ledger, "keys_database_url": self.keys, "database_roles": self.prefix, **more}
        return Settings(folder=self.folder, **given)


@contextmanager
def databases(postgres, folder, *, superuser=True, prefix=None):
    """Two names for databases that are not there yet, and who may make them; nothing is left afterwards."""
    name = f"r{uuid.uuid4().hex[:10]}"
    made = Databases(postgres, "", "", prefix or name, folder / "keys")
    with closing(psycopg.connect(postgres, autocommit=True)) as db:
        if not superuser:
            db.execute(f"CREATE ROLE {name}_admin LOGIN CREATEROLE CREATEDB")
            made.admin = make_conninfo(postgres, user=f"{name}_admin")
        made.ledger = make_conninfo(made.admin, dbname=name)
        made.keys = make_conninfo(made.admin, dbname=f"{name}_keys")
        yield made
        for database in (name, f"{name}_keys"):
            db.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        roles = [role for (role,) in db.execute("SELECT rolname FROM pg_roles WHERE rolname ~ %s", (f"^{name}_",))]
        for role in sorted(roles, key=lambda role: role.endswith("_admin")):
            db.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))


@pytest.fixture(scope="module")
def office(postgres, tmp_path_factory):
    """An office in which something happened."""
    with databases(postgres, tmp_path_factory.mktemp("office")) as made:
        create_databases(made.ledger, made.keys)
        made.migrate()
        made.open(DbRole.OWNER).close()
        with closing(made.open()) as ledger, closing(Office(env=ledger.env)) as desk:
            write(desk, desk.act(somebody(), "write"), ledger.keys.mint(), ("number", "1"))
        with made.connect(made.ledger) as db:
            db.execute("INSERT INTO ledger.checkpoint VALUES (1, 1, 'r', 'n', now())")
        yield made


def attempt(db, statement):
    """Whether it is let through; nothing of it stays."""
    if statement.startswith("ALTER SYSTEM"):  # never in a transaction
        db.execute(statement)
        return True
    with db.transaction(force_rollback=True):
        if not statement.startswith("COPY ledger"):
            db.execute(statement)
            return True
        with db.cursor().copy(statement):
            return True


def outcomes(db, attacks, names):
    """The attacks that PostgreSQL lets through."""
    through = set()
    for statement in attacks:
        try:
            if attempt(db, re.sub(r"{(\w+)}", lambda found: names[found[1]], statement)):
                through.add(statement)
        except psycopg.errors.InsufficientPrivilege:
            pass
    return through


def everything(office):
    """All that stands in both databases, and how it is kept."""
    found = []
    for conninfo in (office.ledger, office.keys):
        with office.connect(conninfo) as db:
            tables = db.execute(
                "SELECT c.oid::regclass::text, c.relowner::regrole::text, c.relacl::text FROM pg_class c"
                " WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text"
                " IN ('ledger', 'reading', 'housekeeping', 'keystore') ORDER BY 1"
            ).fetchall()
            found += tables
            found += [db.execute(f"SELECT t::text FROM {name} t ORDER BY 1").fetchall() for name, *_ in tables]
            found += db.execute("SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger ORDER BY 1, 2")
            found += db.execute("SELECT rolname, rolsuper, rolcanlogin FROM pg_roles ORDER BY 1").fetchall()
    return found


@pytest.mark.parametrize("role", WORKERS)
def test_each_role_may_do_its_work_and_nothing_else(office, role):
    names, letter = {each.value: each.named(office.prefix) for each in DbRole}, role_attacks.LETTERS[role]
    before = everything(office)
    with office.connect(office.ledger, role) as db:
        allowed = {statement for statement, who in role_attacks.LEDGER.items() if letter in who}
        assert outcomes(db, role_attacks.LEDGER, names) == allowed
    allowed = {statement for statement, who in role_attacks.KEYS.items() if letter in who}
    if allowed:
        with office.connect(office.keys, role) as db:
            assert outcomes(db, role_attacks.KEYS, names) == allowed
    else:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            office.connect(office.keys, role)
    assert everything(office) == before


@pytest.mark.parametrize("session", ["origin", "replica"])
@pytest.mark.parametrize("who", ["superuser", "owner"])
def test_not_even_the_owner_or_a_superuser_changes_history_in_passing(office, who, session):
    before = everything(office)
    with office.connect(office.ledger) as db:
        db.execute(f"SET session_replication_role = {session}")
        if who == "owner":
            db.execute(f"SET ROLE {DbRole.OWNER.named(office.prefix)}")
        for table in ("event", "lineage", "checkpoint", "command"):
            for change in ("UPDATE ledger.{} SET position = 0", "DELETE FROM ledger.{}", "TRUNCATE ledger.{}"):
                if table == "lineage":
                    change = change.replace("position", "generation")
                if (table, change[:8]) == ("command", "TRUNCATE"):
                    continue  # as a whole month of it ends by retention
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
                    attempt(db, change.format(table))
    assert everything(office) == before


def test_a_login_that_is_nobody_of_ours_gets_into_neither_database(office):
    stranger = f"{office.prefix}_stranger"
    with office.connect(office.ledger) as db:
        db.execute(f"CREATE ROLE {stranger} LOGIN")
    for conninfo in (office.ledger, office.keys):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            office.connect(make_conninfo(conninfo, user=stranger))


def test_functions_of_the_runners_are_not_taken_for_the_servers_own(office):
    """The door works as the owner: what it calls must not be what somebody put in front of it."""
    planted = {"nextval": "(regclass) RETURNS bigint", "clock_timestamp": "() RETURNS timestamptz"}
    with office.connect(office.ledger, DbRole.RUNNER) as db:
        for name, shape in planted.items():
            body = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$"
            db.execute(f"CREATE FUNCTION reading.{name}{shape} {body}")
            db.execute(f"GRANT EXECUTE ON FUNCTION reading.{name} TO PUBLIC")
    owner = DbRole.OWNER.named(office.prefix)
    with office.connect(office.ledger) as admin, office.connect(office.ledger, DbRole.APP) as db:
        admin.execute(f"GRANT USAGE ON SCHEMA reading TO {owner}")  # or what is planted there is not even seen
        db.execute("SET search_path = reading, pg_catalog")
        with db.transaction(force_rollback=True):
            Append([StoredEvent(uuid.uuid4(), 1, "some", b"{}")]).run(db)
        signature = admin.execute("SELECT 'ledger.append'::regproc::regprocedure::text").fetchone()[0]
        with admin.transaction(force_rollback=True):
            admin.execute(f"ALTER FUNCTION {signature} RESET search_path")
            admin.execute("SET LOCAL search_path = reading, pg_catalog")
            with pytest.raises(psycopg.errors.RaiseException, match="planted"):
                Append([StoredEvent(uuid.uuid4(), 1, "some", b"{}")]).run(admin)
        admin.execute("DROP FUNCTION reading.nextval, reading.clock_timestamp")
        admin.execute(f"REVOKE USAGE ON SCHEMA reading FROM {owner}")


def test_every_function_has_its_path_and_none_is_everybodys(office):
    for conninfo in (office.ledger, office.keys):
        with office.connect(conninfo) as db:
            loose = db.execute(
                "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace::regnamespace::text = ANY(%s)"
                " AND (has_function_privilege('public', oid, 'EXECUTE') OR prosecdef AND"
                " NOT coalesce('search_path=pg_catalog, pg_temp' = ANY(proconfig), false))",
                (["ledger", "housekeeping", "reading", "keystore"],),
            ).fetchall()
            assert loose == []
            defining = db.execute("SELECT proname FROM pg_proc WHERE prosecdef ORDER BY 1").fetchall()
            ledger = [("append",), ("keep_lineage",), ("turn_months",)]
            assert defining == (ledger if conninfo == office.ledger else [])


def test_an_administrator_who_is_no_superuser_brings_an_older_office_under_its_roles(postgres, tmp_path):
    """Made as the release before roles made it: everything the administrator's own."""
    with databases(postgres, tmp_path, superuser=False) as old:
        create_databases(old.ledger, old.keys)
        for conninfo, ddl in ((old.keys, KEYS_DDL), (old.ledger, (*LEDGER_DDL, *PROJECTIONS_DDL, *HOUSEKEEPING_DDL))):
            with psycopg.connect(conninfo) as db:
                for statement in ddl:
                    db.execute(statement)
        with closing(open_ledger(old.ledger, old.keys, old.folder)) as ledger, closing(Office(env=ledger.env)) as desk:
            write(desk, desk.act(somebody(), "write"), ledger.keys.mint(), ("number", "1"))
        old.migrate()
        once = everything_as(old, postgres)
        with closing(old.open()) as ledger, closing(Office(env=ledger.env)) as desk:
            assert len(ledger.reader.open_all(ledger.reader.read(0, 10))) == 1
            assert write(desk, desk.act(somebody(), "write"), ledger.keys.mint(), ("number", "2")).position == 2
        old.migrate()
        again = everything_as(old, postgres)
        assert [row for row in again if row not in once] == []
        owners = {owner for _, owner, _ in once}
        assert owners == {DbRole.OWNER.named(old.prefix), DbRole.RUNNER.named(old.prefix)}


def everything_as(office, postgres):
    """Every table, function and schema of the office, its owner, and who may do what with it."""
    found = []
    for conninfo in (office.ledger, office.keys):
        with closing(psycopg.connect(make_conninfo(postgres, dbname=conninfo_to_dict(conninfo)["dbname"]))) as db:
            found += db.execute(
                "WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname IN"
                " ('ledger', 'reading', 'housekeeping', 'keystore'))"
                " SELECT oid::regclass::text, relowner::regrole::text, relacl::text FROM pg_class"
                " WHERE relnamespace IN (TABLE ours) UNION ALL"
                " SELECT oid::regprocedure::text, proowner::regrole::text, proacl::text FROM pg_proc"
                " WHERE pronamespace IN (TABLE ours) UNION ALL"
                " SELECT oid::regnamespace::text, nspowner::regrole::text, nspacl::text FROM pg_namespace"
                " WHERE oid IN (TABLE ours)"
            ).fetchall()
    return found


def test_offices_that_migrate_at_once_on_one_server_do_not_trip_over_each_others_roles(postgres, tmp_path):
    with databases(postgres, tmp_path) as one, databases(postgres, tmp_path, prefix=one.prefix) as other:
        create_databases(one.ledger, one.keys, other.ledger, other.keys)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda office: office.migrate(), (one, other, one, other)))
        for office in (one, other):
            office.open(DbRole.OWNER).close()
            office.open().close()


def test_who_may_not_migrate_is_told_what_it_takes(postgres, tmp_path):
    with databases(postgres, tmp_path, superuser=False) as office:
        create_databases(*(make_conninfo(one, user="postgres") for one in (office.ledger, office.keys)))
        with pytest.raises(NotAllowed, match="may make roles and owns the database"):
            office.migrate()


def test_a_login_with_more_rights_than_its_part_is_refused_in_production(office, capsys):
    def check(part, user=None, **more):
        url = make_conninfo(office.ledger, user=user) if user else office.ledger
        keys = make_conninfo(office.keys, user=user) if user else office.keys
        settings = office.settings(database_url=url, keys_database_url=keys).model_copy(update=more)
        keep_to_rights(settings, part)

    with pytest.raises(WrongRights, match="is a superuser"):
        check("api", production=True)
    check("api")
    assert "more rights" in capsys.readouterr().out
    login = f"{office.prefix}_login"
    with office.connect(office.ledger) as db:
        db.execute(f"CREATE ROLE {login} LOGIN IN ROLE {DbRole.APP.named(office.prefix)}")
        check("api", login, production=True)
        db.execute(f"GRANT {DbRole.ERASER.named(office.prefix)} TO {login}")
        check("deadlines", login, production=True)
        with pytest.raises(WrongRights, match=r"may become .*_eraser"):
            check("api", login, production=True)
        db.execute(f"REVOKE {DbRole.ERASER.named(office.prefix)} FROM {login}")
        db.execute(f"GRANT UPDATE ON ledger.event TO {login}")
        with pytest.raises(WrongRights, match=r"has UPDATE on ledger\.event"):
            check("api", login, production=True)
        db.execute(f"REVOKE UPDATE ON ledger.event FROM {login}; DROP ROLE {login}")
    assert capsys.readouterr().out == ""


def test_a_pooler_that_drops_the_role_is_noticed(office):
    settings = office.settings()
    loose = settings.model_copy(update={"database_roles": office.prefix})
    object.__setattr__(loose, "ledger_as", lambda role: office.ledger)
    with pytest.raises(WrongRights, match="did not become"):
        keep_to_rights(loose, "runner")
