"""The load generator, where tests look for it. It lives in `benchmarks.load`, which the demo uses as well."""

import sys

from benchmarks.load import HEAVY, LIGHT, MODERATE, KindReport, Load, LoadError, Lost, Mix, Report, Span
from benchmarks.load.__main__ import main

__all__ = ["HEAVY", "LIGHT", "MODERATE", "KindReport", "Load", "LoadError", "Lost", "Mix", "Report", "Span"]

if __name__ == "__main__":
    sys.exit(main())
