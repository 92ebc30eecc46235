from __future__ import annotations

import pytest

from deployer.config.units import (
    format_duration,
    format_size,
    humanize_size,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("2d", 172800.0),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        (" 10 s ", 10.0),
        ("5M", 300.0),
        ("45", 45.0),
        (45, 45.0),
        (0.25, 0.25),
        (0, 0.0),
    ],
)
def test_a_duration_is_read_as_seconds(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    ["", "s", "5 weeks", "-1s", -1, True, None, [], "1h30m", "1e3", "nan", float("inf"), 10**400, "9" * 400],
)
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(
        ValueError, match="must be a duration such as 500ms, 30s, 5m, 1h or a number of seconds"
    ):
        parse_duration(written)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("512k", 512 * 1024),
        ("512m", 512 * 1024**2),
        ("2g", 2 * 1024**3),
        ("1.5 GB", 1536 * 1024**2),
        ("1GiB", 1024**3),
        ("1Mb", 1024**2),
        ("1t", 1024**4),
        ("100b", 100),
        ("1000", 1000),
        (1000, 1000),
        (0, 0),
    ],
)
def test_a_size_is_read_as_bytes(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize(
    "written", ["", "m", "5 apples", "-1m", -1, True, None, 1.5, "1ib", 10**400, "9" * 400]
)
def test_what_is_no_size_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="must be a size such as 512k, 512m, 2g or a number of bytes"):
        parse_size(written)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0s"),
        (0.2, "200ms"),
        (0.0005, "0.5ms"),
        (1.5, "1.5s"),
        (30, "30s"),
        (90, "90s"),
        (300, "5m"),
        (3600, "1h"),
        (5400, "90m"),
        (86400, "1d"),
        (129600, "36h"),
    ],
)
def test_a_duration_is_written_so_that_it_reads_back(seconds: float, written: str) -> None:
    assert format_duration(seconds) == written
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    ("size", "written"),
    [
        (0, "0"),
        (1000, "1000"),
        (1536, "1536"),
        (1024, "1k"),
        (64 * 1024**2, "64m"),
        (1024**3, "1g"),
        (1536 * 1024**2, "1536m"),
        (2 * 1024**4, "2t"),
    ],
)
def test_a_size_is_written_so_that_it_reads_back(size: int, written: str) -> None:
    assert format_size(size) == written
    assert parse_size(written) == size


@pytest.mark.parametrize(
    ("size", "read"),
    [
        (0, "0 B"),
        (900, "900 B"),
        (1024, "1 kB"),
        (64 * 1024**2, "64 MB"),
        (1536 * 1024**2, "1.5 GB"),
        (123456789, "118 MB"),
        (-2048, "-2 kB"),
        (3 * 1024**4, "3 TB"),
    ],
)
def test_a_size_is_rounded_for_a_person(size: int, read: str) -> None:
    assert humanize_size(size) == read
