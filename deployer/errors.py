"""Everything that can go wrong, as one tree; the exit codes hang on its branches.

    DeployerError                  1  something unexpected
    ├── Exhausted                  1  this machine has no memory, thread, file or disk left
    ├── UsageError                 2  the command line
    ├── ConfigError                3  config.yaml, --set, a secret reference
    │   └── TemplateError          3  a template, or what is given to it
    ├── EngineError                4  the Docker engine, or what it answered
    │   ├── EngineUnreachable      4  nothing answers at the address
    │   ├── EngineForbidden        4  the socket may not be opened
    │   ├── NotFound               4  no such container, image, network
    │   └── Conflict               4  the name is taken, or the thing is in use
    ├── ImageError                 5  build or pull
    │   ├── ImageMissing           5  no such image, here or in a registry
    │   └── BuildFailed            5  a step of the Dockerfile
    ├── PreflightError             6  refused before anything was touched
    ├── LockError                  7  somebody else is deploying
    │   ├── Locked                 7  and we were told not to wait longer
    │   └── LockLost               7  ours was taken away while we worked
    ├── ReleaseFailed              8  the release is bad; the old one serves
    ├── EdgeError                  9  HAProxy, its configuration or its socket
    ├── RecoveryFailed            10  reconciliation could not mend the state
    ├── CloudError                11  AWS, or a store that speaks its protocol, refused
    │   ├── CredentialsMissing    11  no credentials, or none that are taken
    │   ├── CloudForbidden        11  the credentials may not do this
    │   ├── CloudUnreachable      11  nothing answers, or nothing but failures
    │   ├── BucketMissing         11  no such bucket, or not in this region
    │   ├── Superseded            11  an object was changed by somebody else meanwhile
    │   └── SiteDamaged           11  what a deployer keeps in the bucket is missing or unreadable
    ├── CommandFailed             12  a command that the config names: a build, a test
    ├── HostError                 13  a host over SSH, or a command on it
    │   ├── HostUnreachable       13  no SSH server answers, or the connection broke
    │   ├── HostForbidden         13  the host does not let this user in with this key
    │   ├── HostKeyUnknown        13  its key is not in known_hosts: `deployer host trust`
    │   └── HostKeyChanged        13  its key is not the one in known_hosts
    ├── FleetFailed               14  not all hosts could be brought to one version
    ├── NotDelivered              15  an end of `notify` did not take the test message
    ├── StackFailed               16  CloudFormation could not change a stack
    │   └── StackStuck            16  and only a person gets it out of where it is
    ├── JenkinsError              20  the Jenkins controller refused, or answered something unexpected
    │   ├── JenkinsUnreachable    20  nothing answers, or too late, or nothing but failures
    │   ├── JenkinsForbidden      20  not this user, not this token, not this crumb
    │   ├── JenkinsMissing        20  no such job, build or queue item
    │   └── JenkinsRefused        20  the job is disabled, exists already, or takes no such parameter
    └── Interrupted      129/130/143  a lost terminal, Ctrl-C, SIGTERM: cleaned up

A message says what happened and where; `remedy` says what to do next; `details` holds the lines that
prove it (a log tail, a list of problems). None of the three ever holds a secret.
"""

from __future__ import annotations

import enum
import errno
from collections.abc import Sequence


class ExitStatus(enum.IntEnum):
    """What the process says to whoever started it; documented in docs/exit-codes.md."""

    OK = 0
    ERROR = 1
    USAGE = 2
    CONFIG = 3
    ENGINE = 4
    IMAGE = 5
    REFUSED = 6
    LOCKED = 7
    RELEASE_FAILED = 8
    EDGE = 9
    RECOVERY = 10
    CLOUD = 11
    COMMAND = 12
    HOST = 13
    FLEET = 14
    NOTIFY = 15
    STACK = 16
    JENKINS = 20
    BUILD_FAILURE = 21
    BUILD_UNSTABLE = 22
    BUILD_ABORTED = 23
    DOCTOR_WARNING = 31
    DOCTOR_ERROR = 32
    WATCH_BAD = 33
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class DeployerError(Exception):
    """The root: catch this at the boundary.

    :param message: what happened and where, one sentence.
    :param remedy: what a person does next, one sentence; None where nothing sensible can be said.
    :param details: lines of evidence, shown below the message.
    """

    exit_status = ExitStatus.ERROR

    def __init__(self, message: str, *, remedy: str | None = None, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.details = tuple(details)
        self.result: dict[str, object] | None = None
        """What a rollout had come to when this was raised; `--json` shows it."""

    def as_dict(self) -> dict[str, object]:
        """For `--json`: `{error, message, remedy, details, exit_status}`."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "remedy": self.remedy,
            "details": list(self.details),
            "exit_status": int(self.exit_status),
        }


class Exhausted(DeployerError):
    """The machine that we run on has no memory, no thread, no open file or no disk left for us."""


class UsageError(DeployerError):
    """The command line makes no sense."""

    exit_status = ExitStatus.USAGE


class ConfigError(DeployerError):
    """config.yaml, `--set` or a secret reference is wrong; `details` lists every problem found."""

    exit_status = ExitStatus.CONFIG


class TemplateError(ConfigError):
    """A template does not parse, or asks for a value that nobody gives it."""


class EngineError(DeployerError):
    """The Docker engine refused, or answered something unexpected."""

    exit_status = ExitStatus.ENGINE


class EngineUnreachable(EngineError):
    """Nothing answers at the engine's address, or it stopped answering."""


class EngineForbidden(EngineError):
    """The engine's socket exists, but this user may not open it."""


class NotFound(EngineError):
    """The engine has no such container, image, network or volume."""


class Conflict(EngineError):
    """The name is taken, or the thing is in use."""


class ImageError(DeployerError):
    """An image could not be built or had."""

    exit_status = ExitStatus.IMAGE


class ImageMissing(ImageError):
    """No such image, neither on the engine nor in a registry it can reach."""


class BuildFailed(ImageError):
    """A step of the Dockerfile failed; `details` is the tail of its output."""


class PreflightError(DeployerError):
    """Refused before anything was touched: disk, port, ownership."""

    exit_status = ExitStatus.REFUSED


class LockError(DeployerError):
    """One change at a time for a service."""

    exit_status = ExitStatus.LOCKED


class Locked(LockError):
    """Somebody else holds the lock, and we waited as long as we were told to."""


class LockLost(LockError):
    """Our lock is gone (engine restarted, we were suspended): nothing more may be changed."""


class ReleaseFailed(DeployerError):
    """The new release is bad; the old one serves. `details` is the tail of the candidate's log."""

    exit_status = ExitStatus.RELEASE_FAILED


class EdgeError(DeployerError):
    """HAProxy did not start, did not take a command, or its files are unreadable."""

    exit_status = ExitStatus.EDGE


class RecoveryFailed(DeployerError):
    """Reconciliation could not bring the service to one good state."""

    exit_status = ExitStatus.RECOVERY


class CloudError(DeployerError):
    """AWS, or a store that speaks its protocol, refused or answered something unexpected."""

    exit_status = ExitStatus.CLOUD


class CredentialsMissing(CloudError):
    """There are no credentials, or the other side does not take them: unknown, expired, a wrong secret."""


class CloudForbidden(CloudError):
    """The credentials are good, but may not do this."""


class CloudUnreachable(CloudError):
    """Nothing answers at the address, or nothing but failures after all the retries."""


class BucketMissing(CloudError):
    """There is no such bucket, or it is in another region."""


class Superseded(CloudError):
    """An object is not what it was when we looked: somebody else changed it meanwhile."""


class SiteDamaged(CloudError):
    """A manifest or the pointer of a site is missing, unreadable, or of a format that we do not know."""


class CommandFailed(DeployerError):
    """A command that the config names failed or cannot be run; `details` is the tail of its output."""

    exit_status = ExitStatus.COMMAND


class HostError(DeployerError):
    """A host over SSH refused something, or a command on it failed."""

    exit_status = ExitStatus.HOST


class HostUnreachable(HostError):
    """No SSH server answers at the host's address, or the connection broke in the middle."""


class HostForbidden(HostError):
    """The host does not let this user in with the keys that were offered, or not become root."""


class HostKeyUnknown(HostError):
    """The host's key is not in known_hosts, and is never accepted unseen."""


class HostKeyChanged(HostError):
    """The host shows another key than known_hosts has for it."""


class FleetFailed(DeployerError):
    """Not every host could be brought to the release; `details` says which, and what serves there."""

    exit_status = ExitStatus.FLEET


class NotDelivered(DeployerError):
    """An end of `notify` did not take a message. Only `deployer notify test` ends with it: no deploy does.

    :param again: whether another attempt may go better.
    :param after: seconds that the end wants to be left alone before that; 0 where it does not say.
    """

    exit_status = ExitStatus.NOTIFY

    def __init__(
        self,
        message: str,
        *,
        again: bool = False,
        after: float = 0.0,
        remedy: str | None = None,
        details: Sequence[str] = (),
    ) -> None:
        super().__init__(message, remedy=remedy, details=details)
        self.again = again
        self.after = after


class StackFailed(DeployerError):
    """CloudFormation could not change a stack; the message is the first resource's own reason."""

    exit_status = ExitStatus.STACK


class StackStuck(StackFailed):
    """A stack is in a state from which only a person gets it out; the remedy says how."""


class JenkinsError(DeployerError):
    """The Jenkins controller refused, or answered something unexpected."""

    exit_status = ExitStatus.JENKINS


class JenkinsUnreachable(JenkinsError):
    """Nothing answers at the controller's address, or too late, or nothing but failures."""


class JenkinsForbidden(JenkinsError):
    """The controller does not know the user or the token, or the user may not do this."""


class JenkinsMissing(JenkinsError):
    """The controller has no such job, build or queue item."""


class JenkinsRefused(JenkinsError):
    """The controller will not: the job is disabled, exists already, takes no such parameter."""


class Interrupted(DeployerError):
    """Ctrl-C, SIGTERM or a lost terminal: what was begun has been undone or finished.

    :param signal_number: 1 (SIGHUP), 2 (SIGINT) or 15 (SIGTERM); the exit status is 128 more.
    """

    exit_status = ExitStatus.INTERRUPTED

    def __init__(self, signal_number: int) -> None:
        super().__init__({1: "hung up", 2: "interrupted"}.get(signal_number, "terminated"))
        self.exit_status = ExitStatus(128 + signal_number)


def reason_of(error: BaseException) -> str:
    """Why something failed, in a few words: of an exception that nobody foresaw, only its kind."""
    return error.message if isinstance(error, DeployerError) else type(error).__name__


def carry(error: Exception, result: dict[str, object]) -> None:
    """Let an exception of whatever kind take a command's result along, for `--json` to end with."""
    vars(error)["result"] = result


def carried(error: BaseException) -> dict[str, object] | None:
    """The result that an exception took along."""
    found: dict[str, object] | None = vars(error).get("result")
    return found


_LIMITS = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT)


def unforeseen(error: Exception, *, details: Sequence[str] = ()) -> DeployerError:
    """What an exception that nobody foresaw is to a person: the limits of the machine, or a fault of ours.

    :param details: where it happened, for the report of a fault.
    """
    found: DeployerError
    no_thread = isinstance(error, RuntimeError) and "can't start new thread" in str(error)
    if no_thread or isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _LIMITS):
        found = Exhausted(
            f"this machine is at its limits: {str(error) or 'no memory'}",
            remedy="`free -m`, `df -h` and `ulimit -a` show what is short; once there is room again, run the"
            " command again: it starts by putting things right",
            details=details,
        )
    else:
        found = DeployerError(
            f"unexpected {type(error).__name__}: {error}",
            remedy="this is a fault of the deployer: please report it, with the lines above",
            details=details,
        )
    found.__cause__ = error
    found.result = carried(error)
    return found
