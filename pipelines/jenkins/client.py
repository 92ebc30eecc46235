"""A Jenkins controller: the one place that speaks to python-jenkins.

    client = Client("http://127.0.0.1:9090", "admin", token)
    number = client.trigger("interview-backend", {"ENVIRONMENT": "production"})

What python-jenkins leaves to its caller is done here: every request has a timeout; what it raises (its own
errors, those of requests, whatever its docs say) becomes `deployer.errors.JenkinsError`; parameters travel in
the body, since a URL ends in logs; the console is read in pieces, and to its end over cut connections; a
crumb that a restarted controller has forgotten is asked for again.

Reading is repeated while a controller that answered before is away. What changes something is repeated only
where it cannot have been done: nobody took the connection, or the crumb was refused.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote

from msgspec import Struct

from deployer.errors import (
    JenkinsError,
    JenkinsForbidden,
    JenkinsMissing,
    JenkinsRefused,
    JenkinsUnreachable,
)
from deployer.events import Emit, Warned, ignore

if TYPE_CHECKING:
    import requests

T = TypeVar("T")
Answer = dict[str, Any]
"""One object as the controller describes it in `.../api/json`."""

PIECE = 64 * 1024
"""Bytes of a console read at once."""
PAUSE = 0.5
"""Seconds between two tries while the controller is away."""

_AWAY = (502, 503, 504)
"""A proxy without a controller behind it; a controller that is getting ready."""


class Timeouts(Struct, frozen=True):
    """Seconds: to connect; of silence in an answer; that a controller which answered before may be away."""

    connect: float = 5.0
    read: float = 30.0
    patience: float = 180.0


USUAL = Timeouts()


class _Patience:
    """With a controller that is away: it begins with the first try that fails, and ends.

    :param seconds: for which it lasts.
    """

    def __init__(self, seconds: float, emit: Emit) -> None:
        self._seconds = seconds
        self._emit = emit
        self._ends: float | None = None

    def wait(self, error: JenkinsUnreachable) -> None:
        """Wait a little before the next try. :raises JenkinsUnreachable: `error`, that was long enough."""
        now = time.monotonic()
        if self._ends is None:
            self._ends = now + self._seconds
            self._emit(Warned(f"{error.message}; waiting up to {self._seconds:.0f} s for it"))
        if now >= self._ends:
            raise error
        time.sleep(PAUSE)


class Client:
    """One controller, as one user.

    :param url: its address; a path is kept, as in `https://ci.example.org/jenkins`.
    :param token: an API token of the user. A password does too, but needs a crumb with every change.
    :param emit: told when the controller is away and waited for.
    """

    def __init__(
        self,
        url: str,
        user: str,
        token: str,
        *,
        timeouts: Timeouts = USUAL,
        emit: Emit = ignore,
    ) -> None:
        import jenkins

        self.url = url.rstrip("/")
        self.user = user
        self._timeouts = timeouts
        self._emit = emit
        self._met = False
        self._server = jenkins.Jenkins(
            self.url, username=user, password=token, timeout=(timeouts.connect, timeouts.read)
        )

    # -- the controller itself -----------------------------------------------------------------------

    def version(self) -> str:
        """The controller's version, which it tells in a header of every answer.

        :raises JenkinsError: it cannot be asked, or what answers is no Jenkins.
        """
        answer = self._read("asking for its version", lambda: self._get("api/json?tree=mode"))
        found = answer.headers.get("X-Jenkins")
        if not found:
            raise JenkinsError(
                f"what answers at {self.url} is no Jenkins",
                remedy="set jenkins.url to the controller's address",
            )
        return str(found)

    def nodes(self) -> list[Answer]:
        """The nodes with their executors, one-off executors and monitors, as `computer/api/json` has them."""
        tree = (
            "computer[displayName,offline,offlineCauseReason,temporarilyOffline,numExecutors,monitorData[*],"
            "executors[idle,likelyStuck,progress,currentExecutable[number,url,fullDisplayName]],"
            "oneOffExecutors[likelyStuck,currentExecutable[number,url,fullDisplayName]]]"
        )
        return cast(
            list[Answer], self._json("asking for its nodes", f"computer/api/json?tree={tree}")["computer"]
        )

    def queue(self) -> list[Answer]:
        """What waits: `id`, `why`, `stuck`, `inQueueSince` (milliseconds since 1970), `task`."""
        tree = "items[id,why,stuck,blocked,buildable,inQueueSince,task[name,url]]"
        return cast(list[Answer], self._json("asking for its queue", f"queue/api/json?tree={tree}")["items"])

    # -- jobs ----------------------------------------------------------------------------------------

    def jobs(self) -> list[Answer]:
        """All jobs: `name`, `description`, `buildable`, `lastBuild` (`number`, `building`, `result`)."""
        tree = "jobs[name,description,buildable,lastBuild[number,building,result,timestamp,url]]"
        return cast(list[Answer], self._json("asking for its jobs", f"api/json?tree={tree}")["jobs"])

    def job_config(self, name: str) -> str | None:
        """A job's XML; None where there is no such job."""
        what = f"reading the configuration of job {name}"
        try:
            # Bytes: the controller says no charset, and requests would then guess one.
            answer = self._read(what, lambda: self._get(f"job/{quote(name)}/config.xml"))
        except JenkinsMissing:
            return None
        return cast(bytes, answer.content).decode("utf-8", "replace")

    def create_job(self, name: str, xml: str) -> None:
        """:raises JenkinsRefused: it exists already, or the controller does not like the XML."""
        self._change(f"creating job {name}", lambda: self._post_xml(f"createItem?name={quote(name)}", xml))

    def update_job(self, name: str, xml: str) -> None:
        """:raises JenkinsMissing: there is no such job."""
        self._change(f"updating job {name}", lambda: self._post_xml(f"job/{quote(name)}/config.xml", xml))

    def remove_job(self, name: str) -> None:
        """Remove a job with its builds; missing is fine."""
        with contextlib.suppress(JenkinsMissing):
            self._change(f"removing job {name}", lambda: self._server.delete_job(name))

    # -- builds --------------------------------------------------------------------------------------

    def trigger(self, job: str, parameters: Mapping[str, str] | None = None) -> int:
        """Put a build into the queue; the number of its queue item.

        Where the same build waits already it is that one's number.

        :raises JenkinsMissing: there is no such job.
        :raises JenkinsRefused: it is disabled, or takes no parameters.
        """
        what = f"triggering {job}"
        path = f"job/{quote(job)}"
        try:
            answer = self._change(
                what, lambda: self._post(f"{path}/buildWithParameters", dict(parameters or {}))
            )
        except JenkinsRefused as error:
            if parameters or "400" not in error.message:
                raise
            answer = self._change(what, lambda: self._post(f"{path}/build", {}))
        # A duplicate is answered with a redirection, which has been followed by now.
        for response in (*answer.history, answer):
            number = response.headers.get("Location", "").rstrip("/").rpartition("/queue/item/")[2]
            if number.isdecimal():
                return int(number)
        raise JenkinsError(f"{what}: the controller did not say where in its queue the build is")

    def queue_item(self, number: int) -> Answer | None:
        """A queue item: `why` while it waits, then `executable` or `cancelled`.

        None once the controller has forgotten it, some five minutes after it left the queue.
        """
        try:
            return self._json(f"asking for queue item {number}", f"queue/item/{number}/api/json")
        except JenkinsMissing:
            return None

    def cancel(self, number: int) -> None:
        """Take an item out of the queue; one that has left it already is fine."""
        self._change(f"cancelling queue item {number}", lambda: self._cancel(number))

    def build(self, job: str, number: int) -> Answer:
        """A build: `building`, `result`, `duration` in milliseconds, `url`."""
        tree = "number,url,building,result,duration,timestamp,displayName,queueId"
        return self._json(f"asking for {job} #{number}", f"job/{quote(job)}/{number}/api/json?tree={tree}")

    def find_build(self, job: str, queue_number: int) -> int | None:
        """The number of the build that a forgotten queue item has become; None where none did."""
        answer = self._json(
            f"looking for the build of queue item {queue_number}",
            f"job/{quote(job)}/api/json?tree=builds[number,queueId]",
        )
        return next((int(b["number"]) for b in answer["builds"] if b["queueId"] == queue_number), None)

    def stop(self, job: str, number: int) -> None:
        """Have a build stopped, as its cross in the web page does; one that has ended is fine."""
        self._change(f"stopping {job} #{number}", lambda: self._server.stop_build(job, number))

    def console(self, job: str, number: int, start: int = 0) -> Generator[bytes, None, int | None]:
        """The console from `start` on, as far as it is now, in pieces of at most 64 KiB; lines end in CRLF.

        What is read is not what lies on the controller's disk: there lines end in LF, and hold notes that are
        left out. So a place in the log cannot be counted: it is what the controller says that it is.

        The generator's value (`yield from`) is where to go on; None where no more will come.

        :param start: a byte of the log: 0, or what an earlier call has come to.
        :raises JenkinsUnreachable: the connection is cut, for longer than the client's patience, before
            anything new has come.
        """
        what = f"reading the console of {job} #{number}"
        path = f"job/{quote(job)}/{number}/logText/progressiveText?start={start}"
        given, patience = 0, self._patience()
        while True:
            answer = self._read(what, lambda: self._get(path, stream=True))
            before, had = given, 0
            try:
                with self._mapped(what), answer:
                    for piece in answer.iter_content(PIECE):
                        # After a cut all of it comes again, and what was given out is dropped.
                        new = piece[max(0, given - had) :]
                        had += len(piece)
                        given = max(given, had)
                        if new:
                            yield new
                return self._console_end(what, answer)
            except JenkinsUnreachable as error:
                if given > before:
                    patience = self._patience()
                    time.sleep(PAUSE)
                else:
                    patience.wait(error)

    def _console_end(self, what: str, answer: requests.Response) -> int | None:
        """Where to go on after an answer that came whole; None where no more will come."""
        if answer.headers.get("X-More-Data") != "true":
            return None
        size = answer.headers.get("X-Text-Size", "")
        if not size.isdecimal():
            raise JenkinsError(f"{what}: {self.url} does not say how far it goes (X-Text-Size)")
        return int(size)

    # -- asking --------------------------------------------------------------------------------------

    def _json(self, what: str, path: str) -> Answer:
        def ask() -> Answer:
            answer = self._get(path)
            try:
                found = answer.json()
            except ValueError:
                found = None
            if not isinstance(found, dict):
                raise JenkinsError(
                    f"{what}: {self.url} answered something else than JSON",
                    remedy="set jenkins.url to the controller's address, without a login page before it",
                )
            return found

        return self._read(what, ask)

    def _get(self, path: str, *, stream: bool = False) -> requests.Response:
        import requests

        return self._server.jenkins_request(  # type: ignore[no-any-return]
            requests.Request("GET", f"{self.url}/{path}"), add_crumb=False, stream=stream
        )

    def _post(self, path: str, data: Mapping[str, str]) -> requests.Response:
        import requests

        request = requests.Request("POST", f"{self.url}/{path}", data=data)
        return self._server.jenkins_request(request)  # type: ignore[no-any-return]

    def _post_xml(self, path: str, xml: str) -> requests.Response:
        import requests

        headers = {"Content-Type": "application/xml; charset=utf-8"}
        request = requests.Request("POST", f"{self.url}/{path}", data=xml.encode(), headers=headers)
        return self._server.jenkins_request(request)  # type: ignore[no-any-return]

    def _cancel(self, number: int) -> None:
        # 422: it has left the queue between our question and now.
        try:
            self._post(f"queue/cancelItem?id={number}", {})
        except Exception as error:
            response = _response(error)
            if response is None or response.status_code not in (404, 422):
                raise

    # -- errors and tries ----------------------------------------------------------------------------

    def _read(self, what: str, ask: Callable[[], T]) -> T:
        """An answer; while a controller that answered before is away, it is asked again."""
        return self._patiently(what, ask, lambda error: isinstance(error, JenkinsUnreachable))

    def _change(self, what: str, do: Callable[[], T]) -> T:
        """Do something once: again only where nobody took the connection, or after a forgotten crumb."""
        try:
            return self._patiently(what, do, _never_arrived)
        except JenkinsForbidden as error:
            if not _crumb_refused(error.__cause__):
                raise
        # A crumb is bound to a session, and both end with the controller's process.
        self._server.crumb = None
        self._server._session.cookies.clear()  # noqa: SLF001  (python-jenkins keeps the crumb for ever)
        return self._patiently(what, do, _never_arrived)

    def _patiently(self, what: str, do: Callable[[], T], again: Callable[[JenkinsError], bool]) -> T:
        patience = self._patience()
        while True:
            try:
                with self._mapped(what):
                    found = do()
            except JenkinsUnreachable as error:
                if not self._met or not again(error):
                    raise
                patience.wait(error)
            else:
                self._met = True
                return found

    def _patience(self) -> _Patience:
        return _Patience(self._timeouts.patience, self._emit)

    @contextlib.contextmanager
    def _mapped(self, what: str) -> Iterator[None]:
        """Translate whatever python-jenkins and requests raise while doing `what` into our tree."""
        import jenkins
        import requests

        try:
            yield
        except (jenkins.JenkinsException, requests.RequestException) as error:
            raise self._error(what, error) from error

    def _error(self, what: str, error: Exception) -> JenkinsError:
        import jenkins
        import requests

        response = _response(error)
        if response is not None:
            return self._refusal(what, response)
        if isinstance(error, jenkins.NotFoundException):
            return JenkinsMissing(f"{what}: {self.url} has no such thing")
        if isinstance(error, jenkins.TimeoutException | requests.Timeout) or "timed out" in str(error):
            return JenkinsUnreachable(
                f"{what}: {self.url} did not answer within {self._timeouts.read:.0f} s",
                remedy="look at the host's memory and disk: `pipelines jenkins status` says what it lacks",
            )
        if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
            return JenkinsUnreachable(
                f"{what}: nothing answers at {self.url} ({_reason(error)})",
                remedy="start it (`pipelines jenkins up`), or set jenkins.url to where it listens",
            )
        # Their texts may hold a whole page; the kind says enough.
        return JenkinsError(f"{what}: {self.url}: {type(error).__name__}")

    def _refusal(self, what: str, response: requests.Response) -> JenkinsError:
        """What an HTTP status means here; never the body, which is a page and may repeat what was sent."""
        status = response.status_code
        if status == 401:
            return JenkinsForbidden(
                f"{what}: {self.url} does not take the token of user '{self.user}'",
                remedy="make an API token (the user's page, Security) and give it in jenkins.token",
            )
        if status == 403:
            return self._forbidden(what, response)
        if status == 404:
            return JenkinsMissing(f"{what}: {self.url} has no such thing")
        if status in _AWAY:
            return JenkinsUnreachable(
                f"{what}: {self.url} is not ready (it answers {status})",
                remedy="it may be starting: wait a minute, then look at its log",
            )
        if status == 409:
            return JenkinsRefused(
                f"{what}: refused (409), as a disabled job is", remedy="enable the job in its web page"
            )
        reason = response.headers.get("X-Error") or response.reason
        kind = JenkinsRefused if 400 <= status < 500 else JenkinsError
        return kind(f"{what}: {self.url} answered {status}: {reason}")

    def _forbidden(self, what: str, response: requests.Response) -> JenkinsForbidden:
        known_as = response.headers.get("X-You-Are-Authenticated-As")
        if _crumb_in(response):
            return JenkinsForbidden(
                f"{what}: {self.url} refused the crumb",
                remedy="give an API token rather than a password in jenkins.token: it needs no crumb",
            )
        if known_as and known_as != "anonymous":
            return JenkinsForbidden(
                f"{what}: user '{known_as}' may not do this",
                remedy="grant it in the controller's matrix (templates/jenkins/jenkins.yaml.j2)",
            )
        return JenkinsForbidden(
            f"{what}: {self.url} wants to know who asks", remedy="set jenkins.user and jenkins.token"
        )


def _response(error: BaseException | None) -> requests.Response | None:
    """The HTTP answer behind an error: python-jenkins raises errors of its own over those that have it."""
    while error is not None:
        found = getattr(error, "response", None)
        if found is not None:
            return cast("requests.Response", found)
        error = error.__cause__ or error.__context__
    return None


def _crumb_in(response: requests.Response) -> bool:
    return response.status_code == 403 and "No valid crumb" in response.text


def _crumb_refused(error: BaseException | None) -> bool:
    response = _response(error)
    return response is not None and _crumb_in(response)


def _never_arrived(error: JenkinsError) -> bool:
    """Nobody took the connection, so nothing can have been done."""
    from urllib3.exceptions import NewConnectionError

    reason: Any = error.__cause__
    while reason is not None:
        if isinstance(reason, NewConnectionError):
            return True
        inner = reason.args[0] if reason.args and isinstance(reason.args[0], BaseException) else None
        reason = inner or getattr(reason, "reason", None) or reason.__cause__ or reason.__context__
        if not isinstance(reason, BaseException):
            return False
    return False


def _reason(error: BaseException) -> str:
    """The innermost sentence of requests' nested connection errors, without the object's address."""
    text = str(error)
    for known in ("Connection refused", "Name or service not known", "Connection reset", "No route to host"):
        if known in text:
            return known.lower()
    return "the connection was cut" if "ended" in text or "aborted" in text else type(error).__name__
