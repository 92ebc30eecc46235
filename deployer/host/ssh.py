"""A host over SSH: one verified connection that runs commands and reaches sockets over there.

What paramiko raises is mapped to `deployer.errors` here. A host's key is verified against known_hosts
(`deployer.host.known_hosts`) before anybody logs in.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from msgspec import Struct
from msgspec.structs import replace

from deployer.errors import HostError, HostForbidden, HostUnreachable
from deployer.host.known_hosts import HostKey, Refusing, changed, described, fingerprint, load_known
from deployer.host.target import Target
from deployer.interrupts import HEARING, checkpoint

if TYPE_CHECKING:
    import paramiko

KEEPALIVE = 3
"""Seconds between signs of life on an idle connection."""

IDENTITIES = ("id_ed25519", "id_ecdsa", "id_rsa")
"""Keys of ~/.ssh that are tried when none is named."""

_PIECE = 32768


class Completed(Struct, frozen=True):
    """A command that ended on a host."""

    code: int
    output: str
    errors: str


class Jumps:
    """The connections to jump hosts of one command, each opened once for all the hosts behind it.

    An sshd drops some of those who knock at the same time (MaxStartups 10:30:100), and so a fleet's own.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._asking = threading.Lock()
        self._found: dict[Target, tuple[str, Future[Connection]]] = {}

    def to(self, target: Target) -> Connection:
        """The connection to a jump host, which is ours to close; whoever comes second waits for the first.

        :raises HostError: as `Connection`; the others are told the same, and it is not tried again.
        """
        place = replace(target, name="", host=None)  # whose jump host it is called
        with self._asking:
            known = place in self._found
            name, found = self._found.setdefault(place, (target.name, Future()))
        if not known:
            try:
                found.set_result(Connection(target, self._environ))
            except BaseException as error:  # noqa: BLE001 -- raised again below, and where others wait
                found.set_exception(error)
        try:
            return found.result()
        except HostError as error:
            # One for each host, in its own words.
            said = error.message.replace(name, target.name)
            raise type(error)(said, remedy=error.remedy, details=error.details) from error

    def close(self) -> None:
        """Hang up, when nobody needs them any more."""
        for _, found in self._found.values():
            if found.exception() is None:
                found.result().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Connection:
    """An SSH connection, open from the start.

    :param jumps: what its jump host is reached by, with others; None: by a connection of its own.
    :raises HostUnreachable: nothing answers, or no SSH server does.
    :raises HostKeyUnknown: its key is not in known_hosts.
    :raises HostKeyChanged: known_hosts has another key for it.
    :raises HostForbidden: it does not let us in.
    """

    def __init__(
        self, target: Target, environ: Mapping[str, str] = os.environ, jumps: Jumps | None = None
    ) -> None:
        require_paramiko()
        self.target = target
        self.sent = 0
        """Bytes that were sent to sockets and commands over there, before encryption."""
        self._counting = threading.Lock()
        shared = jumps.to(target.jump) if jumps and target.jump else None
        self._jump = Connection(target.jump, environ) if target.jump and shared is None else None
        """One of our own, which we close."""
        try:
            self._client = _connect(target, shared or self._jump, environ)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        client = getattr(self, "_client", None)
        if client is not None:
            client.close()
        if self._jump is not None:
            self._jump.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, command: str, *, given: bytes = b"", timeout: float = 60.0, root: bool = False
    ) -> Completed:
        """Run a shell command over there and wait for its end.

        :param given: its standard input.
        :param timeout: seconds of silence after which it is given up.
        :param root: through `sudo -n`, unless we are root already.
        :raises HostUnreachable: the connection broke, or the command was silent for too long.
        """
        with self._mapped(f"running a command on {self.target.name}"), self._session() as channel:
            channel.settimeout(timeout)
            channel.exec_command(_as_root(command) if root else command)
            output, errors = bytearray(), bytearray()
            writer = threading.Thread(target=self._write, args=(channel, [given]), daemon=True)
            drain = threading.Thread(target=_drain, args=(channel, errors), daemon=True)
            writer.start()
            drain.start()
            while piece := channel.recv(_PIECE):
                output += piece
            drain.join()
            code = _exit_code(channel)
        return Completed(code, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))

    def follow(self, command: str, *, given: bytes = b"", root: bool = False) -> Iterator[bytes | int]:
        """Run a shell command; what it prints as it comes, both streams as one, and last its exit code.

        :raises HostUnreachable: the connection broke.
        :raises Interrupted: this thread was; the command over there is not waited for.
        """
        with self._mapped(f"running a command on {self.target.name}"), self._session() as channel:
            channel.set_combine_stderr(True)
            channel.exec_command(_as_root(command) if root else command)
            channel.settimeout(HEARING)
            threading.Thread(target=self._write, args=(channel, [given]), daemon=True).start()
            while piece := _heard(channel):
                yield piece
            yield _exit_code(channel)

    def dial(self, path: str) -> socket.socket:
        """Connect to a Unix socket over there; our end of it.

        :raises HostUnreachable: the connection broke.
        :raises HostError: the host does not let us through to it.
        """
        with self._mapped(f"reaching {path} on {self.target.name}"):
            channel = self._transport().open_unix(path, self.target.timeout)
        ours, theirs = socket.socketpair()
        threading.Thread(target=self._forward, args=(theirs, channel), daemon=True).start()
        threading.Thread(target=_backward, args=(channel, theirs), daemon=True).start()
        return ours

    def through(self, address: str, port: int) -> paramiko.Channel:
        """A line to another host, from this one.

        :raises OSError: the connection is closed, or paramiko's own errors: nothing answers there.
        """
        channel: paramiko.Channel = self._transport().open_channel(
            "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=self.target.timeout
        )
        return channel

    def _session(self) -> contextlib.closing[paramiko.Channel]:
        return contextlib.closing(self._transport().open_session(timeout=self.target.timeout))

    def _transport(self) -> Any:
        """The transport, which is one of `_transport_class`."""
        transport = self._client.get_transport()
        if transport is None:
            raise OSError("the connection is closed")
        return transport

    def _write(self, channel: paramiko.Channel, pieces: Iterable[bytes]) -> None:
        with contextlib.suppress(OSError):
            for piece in pieces:
                rest = piece
                while rest:
                    # The channel's patience is that of who reads; what takes longer to be taken is not lost.
                    with contextlib.suppress(TimeoutError):
                        rest = rest[channel.send(rest) :]
                self._count(len(piece))
            channel.shutdown_write()

    def _forward(self, near: socket.socket, channel: paramiko.Channel) -> None:
        with contextlib.suppress(OSError):
            while piece := near.recv(_PIECE):
                channel.sendall(piece)
                self._count(len(piece))
        with contextlib.suppress(OSError, EOFError):
            channel.shutdown_write()

    def _count(self, number: int) -> None:
        with self._counting:
            self.sent += number

    @contextlib.contextmanager
    def _mapped(self, what: str) -> Iterator[None]:
        import paramiko

        try:
            yield
        except paramiko.ChannelException as error:
            raise HostError(f"{what}: the host refused: {error.text or error}") from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise HostUnreachable(
                f"{what}: the connection to {self.target.url} broke ({reason})",
                remedy="look whether the host runs; then give the command again: it puts things right first",
            ) from error


def require_paramiko() -> None:
    """:raises HostError: the package that speaks SSH is not installed."""
    if importlib.util.find_spec("paramiko") is None:
        raise HostError(
            "hosts over SSH need the package paramiko", remedy="pip install 'deployer[ssh]' installs it"
        )


def offered_key(target: Target, environ: Mapping[str, str] = os.environ) -> HostKey:
    """The key that a host shows to whoever asks; nothing is believed yet, and nobody logs in.

    :raises HostUnreachable: no SSH server answers.
    """
    require_paramiko()
    import paramiko

    jump = Connection(target.jump, environ) if target.jump else None
    try:
        with _reached(target):
            transport = paramiko.Transport(_line(target, jump))
            try:
                transport.start_client(timeout=target.timeout)
                return described(target, transport.get_remote_server_key())
            finally:
                transport.close()
    finally:
        if jump is not None:
            jump.close()


def _as_root(command: str) -> str:
    quoted = shlex.quote(command)
    return f'if [ "$(id -u)" = 0 ]; then sh -c {quoted}; else sudo -n sh -c {quoted}; fi'


def _heard(channel: paramiko.Channel) -> bytes:
    """What comes next; nothing at its end. :raises Interrupted: this thread was meanwhile."""
    while True:
        checkpoint()
        with contextlib.suppress(TimeoutError):
            return channel.recv(_PIECE)


def _exit_code(channel: paramiko.Channel) -> int:
    """A command's; 255 where a signal ended it, as `ssh` has it.

    :raises EOFError: the connection broke before. :raises Interrupted: this thread was meanwhile.
    """
    while not channel.status_event.wait(HEARING):
        checkpoint()
    code = channel.recv_exit_status()
    if code < 0 and not channel.eof_received:
        raise EOFError
    return code if code >= 0 else 255


def _drain(channel: paramiko.Channel, into: bytearray) -> None:
    with contextlib.suppress(OSError):
        while piece := channel.recv_stderr(_PIECE):
            into += piece


def _backward(channel: paramiko.Channel, near: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := channel.recv(_PIECE):
            near.sendall(piece)
    # Whoever reads is told the end; whoever still writes meets a closed channel.
    with contextlib.suppress(OSError):
        near.shutdown(socket.SHUT_RDWR)
    channel.close()
    near.close()


def _line(target: Target, jump: Connection | None) -> Any:
    """The stream that SSH is spoken on: a TCP connection, or one through the jump host."""
    if jump is not None:
        return jump.through(target.address, target.port)
    line = socket.create_connection((target.address, target.port), timeout=target.timeout)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # What is sent and not taken by the other side for this long ends the connection: the host is gone.
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(target.timeout * 1000))
    return line


@contextlib.contextmanager
def _reached(target: Target) -> Iterator[None]:
    """Map what can go wrong until a host has shown its key."""
    import paramiko

    try:
        yield
    except paramiko.ChannelException as error:
        raise HostUnreachable(
            f"{target.name}: the jump host {target.jump.url if target.jump else ''} cannot reach "
            f"{target.address}:{target.port} ({error.text or error})"
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise HostUnreachable(
            f"{target.name}: no SSH server answers at {target.address}:{target.port} ({reason})",
            remedy="look whether the host runs, and whether its firewall lets this machine reach that port",
        ) from error


def _connect(target: Target, jump: Connection | None, environ: Mapping[str, str]) -> paramiko.SSHClient:
    import logging

    import paramiko

    # What goes wrong is raised; its own lines about that would stand between ours.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    client = paramiko.SSHClient()
    load_known(target, client.get_host_keys())
    client.set_missing_host_key_policy(cast(Any, Refusing(target)))
    agent = bool(environ.get("SSH_AUTH_SOCK")) and target.key is None
    files = [str(target.key)] if target.key else _identities()
    try:
        with _reached(target):
            line = _line(target, jump)
        client.connect(
            target.address,
            target.port,
            target.login,
            key_filename=cast(Any, files),
            allow_agent=agent,
            look_for_keys=False,
            sock=line,
            timeout=target.timeout,
            banner_timeout=target.timeout,
            auth_timeout=target.timeout,
            transport_factory=_transport_class(),
        )
    except paramiko.BadHostKeyException as error:
        raise changed(
            target, fingerprint(error.expected_key.asbytes()), fingerprint(error.key.asbytes())
        ) from error
    except paramiko.PasswordRequiredException as error:
        raise HostForbidden(
            f"{target.name}: the private key {', '.join(files)} is protected by a passphrase",
            remedy="give it to an agent (`ssh-add`), and leave `key` out of the config",
        ) from error
    except paramiko.AuthenticationException as error:
        raise _forbidden(target, files, agent) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        if isinstance(error, OSError) and target.key and not target.key.exists():
            raise HostForbidden(
                f"{target.name}: there is no private key at {target.key}", remedy="mend ssh.key of the config"
            ) from error
        if "No authentication methods" in str(error):
            raise _forbidden(target, files, agent) from error
        with _reached(target):
            raise
    transport = client.get_transport()
    if transport is not None:
        transport.set_keepalive(KEEPALIVE)
    return client


def _identities() -> list[str]:
    folder = Path("~/.ssh").expanduser()
    return [str(folder / name) for name in IDENTITIES if (folder / name).exists()]


def _forbidden(target: Target, files: list[str], agent: bool) -> HostForbidden:
    offered = [*files, *(["the agent's keys"] if agent else [])]
    return HostForbidden(
        f"{target.name}: {target.url} does not let {target.login} in with "
        f"{', '.join(offered) or 'no key at all: there is none'}",
        remedy=f"add the public key to ~{target.login}/.ssh/authorized_keys over there, or name another user "
        "or key (ssh.user, ssh.key)",
    )


def _transport_class() -> Any:
    """paramiko's transport, able to open Unix sockets over there (`direct-streamlocal@openssh.com`)."""
    import paramiko
    from paramiko.message import Message

    kind = "direct-streamlocal@openssh.com"

    class Transport(paramiko.Transport):
        def open_unix(self, path: str, timeout: float) -> paramiko.Channel:
            self._paths = getattr(self, "_paths", {})
            self._paths[threading.get_ident()] = path
            try:
                return self.open_channel(kind, timeout=timeout)
            finally:
                del self._paths[threading.get_ident()]

        def _send_user_message(self, data: Message) -> None:
            # PROTOCOL of OpenSSH, 2.4: the path, a reserved string, a reserved number; paramiko knows no
            # such channel and has no place where they could be given.
            path = getattr(self, "_paths", {}).get(threading.get_ident())
            if path is not None and kind.encode() in data.asbytes()[:64]:
                data.add_string(path)
                data.add_string("")
                data.add_int(0)
            super()._send_user_message(data)  # type: ignore[misc]  # the stubs show its public half

    return Transport
