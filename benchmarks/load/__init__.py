"""A load generator that counts every request, to prove that a deployment loses none.

    with Load("http://127.0.0.1:8080") as load:
        deploy()
    report = load.report()
    assert report.clean, report.summary()

It runs in a process of its own, so that what is measured does not disturb what measures. Every request has an
id, in `X-Request-Id`; orders are read back from the service at the end, so that one applied twice, or
acknowledged and forgotten, is found. From a shell:

    python -m benchmarks.load http://127.0.0.1:8080 --seconds 10

    mix        which clients, how many, how fast
    wire       one HTTP/1.1 exchange on a raw connection, and each way it can fail
    clients    the clients themselves
    tally      counts while it runs
    report     what it came to
    process    the process, and the context manager that steers it
"""

from benchmarks.load.mix import HEAVY, LIGHT, MODERATE, PRESETS, Mix
from benchmarks.load.process import Load, LoadError
from benchmarks.load.report import KindReport, Lost, Report, Span

__all__ = [
    "HEAVY",
    "LIGHT",
    "MODERATE",
    "PRESETS",
    "KindReport",
    "Load",
    "LoadError",
    "Lost",
    "Mix",
    "Report",
    "Span",
]
