"""A MariaDB server of the test session's own, which tests may kill, restart and pause.

It dies with the session, even where that is killed; the folder that it leaves then is removed by the next
one. Its own character set is latin1, so that nothing works only by a server's default.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pymysql

from tests.support.bound import BOUND
from tests.support.names import abandoned, free_port, service_name
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
USER, PASSWORD = "interview", "p@ss:w/rd?%"
DAEMONS = "/usr/local/sbin:/usr/sbin:/sbin"  # not on a plain user's PATH


class MariaDB:
    """`start()` returns when it answers; `url` makes a database and gives its address."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.gettempdir()) / f"{service_name()}-mariadb"
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = os.environ | {"PATH": f"{os.environ['PATH']}:{DAEMONS}"}

    def install(self) -> None:
        """Get the program where it is missing, and make an empty data folder."""
        if not shutil.which("mariadbd", path=self._environment["PATH"]):
            subprocess.run([ROOT / "scripts" / "system-packages"], check=True)
        self.folder.mkdir(mode=0o700)
        self._run(
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.folder}/data",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
            *self._user,
        )
        (self.folder / "init.sql").write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n"  # one on a line
            f"GRANT ALL ON `test\\_%`.* TO '{USER}'@'%';\n"  # what an operator gives
        )

    def start(self, *, wait: bool = True) -> None:
        """Start it, on what data there is."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *BOUND,
                    "mariadbd",
                    "--no-defaults",
                    f"--datadir={self.folder}/data",
                    f"--socket={self.folder}/sock",
                    f"--pid-file={self.folder}/pid",
                    f"--init-file={self.folder}/init.sql",
                    f"--port={self.port}",
                    "--bind-address=127.0.0.1",
                    "--skip-name-resolve",
                    "--character-set-server=latin1",
                    "--innodb-buffer-pool-size=64M",
                    "--innodb-log-file-size=16M",
                    "--innodb-flush-method=nosync",  # a killed process leaves its writes to the kernel
                    "--max-connections=200",
                    *self._user,
                ],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if wait:
            until(self._answers, f"MariaDB answers; its log: {self.folder}/log")

    def kill(self) -> None:
        """As a power cut would, but for the disk's own cache."""
        if self._process:
            self._process.kill()
            self._process.wait()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """It takes connections, and answers nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def url(self, name: str) -> str:
        """The address of a database of that name."""
        return f"mysql+pymysql://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{name}"

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The address of a new database, which goes afterwards."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name}")

    def dump(self, name: str) -> list[str]:
        """What makes the tables of a database, and the rows in them."""
        with contextlib.closing(self.connect(name)) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW TABLES")
            tables = [str(table) for (table,) in cursor.fetchall()]
            made = ["SET foreign_key_checks = 0"]  # in no order
            for table in tables:
                cursor.execute(f"SHOW CREATE TABLE `{table}`")
                made += [statement for _, statement in cursor.fetchall()]
                cursor.execute(f"SELECT * FROM `{table}`")
                for row in cursor.fetchall():
                    made.append(cursor.mogrify(f"INSERT INTO `{table}` VALUES %s", [row]))
        return made

    def fill(self, name: str, statements: Sequence[str]) -> None:
        """Make the same in an empty database."""
        with contextlib.closing(self.connect(name)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def execute(self, statement: str) -> None:
        """Run a statement beside everybody else."""
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def connect(self, database: str | None = None) -> pymysql.Connection[pymysql.cursors.Cursor]:
        """An administrator's connection, without anything of ours."""
        return pymysql.connect(
            unix_socket=f"{self.folder}/sock",
            user="root",
            database=database,
            autocommit=True,
            connect_timeout=5,
            read_timeout=60,
        )

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _user(self) -> list[str]:
        return ["--user=root"] if os.geteuid() == 0 else []

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, f"MariaDB ended: {(self.folder / 'log').read_text()[-3000:]}"
        try:
            self.connect().close()
        except pymysql.err.Error:
            return False
        return True

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


@contextlib.contextmanager
def server() -> Iterator[MariaDB]:
    """A running server."""
    for folder in Path(tempfile.gettempdir()).glob("t*-mariadb"):
        if abandoned(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
    made = MariaDB()
    try:
        made.install()
        made.start()
        yield made
    finally:
        made.remove()
