"""Commands inside containers: all that they print arrives, and their exit codes are theirs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest
from docker import DockerClient

from deployer.host.engine import Engine
from tests.support.names import service_name


@pytest.fixture
def container(engine: DockerClient, shop: str) -> Iterator[str]:
    name = service_name()
    made = engine.containers.run(shop, ["sleep", "600"], name=name, detach=True, init=True)
    yield name
    made.remove(force=True)


def run(name: str, *command: str) -> tuple[int, str]:
    engine = Engine()
    exec_id, printed = engine.exec_stream(name, command)
    text = b"".join(printed).decode()
    return engine.exec_exit_code(exec_id), text


def test_a_reader_that_is_slow_gets_all_that_a_fast_command_printed(
    container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = HTTPResponse.begin

    def late(response: HTTPResponse) -> None:
        time.sleep(0.3)  # the head of the answer and what the command printed are read at once
        begin(response)

    monkeypatch.setattr(HTTPResponse, "begin", late)
    code, text = run(container, "sh", "-c", "echo out; echo err >&2; exit 7")
    assert code == 7
    assert sorted(text.splitlines()) == ["err", "out"]  # of two streams: either may be the first


def test_much_is_read_whole(container: str) -> None:
    code, text = run(container, "seq", "200000")
    assert (code, text) == (0, "".join(f"{number}\n" for number in range(1, 200001)))


def test_the_exit_code_of_one_that_closed_its_output_is_waited_for(container: str) -> None:
    assert run(container, "sh", "-c", "echo bye; exec >&- 2>&-; sleep 1; exit 3") == (3, "bye\n")


def test_no_time_to_wait_is_a_look(container: str) -> None:
    assert Engine().wait(container, 0) is None


def test_a_command_that_does_not_exist_says_so(container: str) -> None:
    code, text = run(container, "no-such-command")
    assert code in (126, 127)
    assert "no-such-command" in text
