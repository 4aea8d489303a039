"""Add up pytest's JUnit reports and print them as one closing line: `N passed, N failed, N skipped`."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def counts(report: Path) -> tuple[int, int, int]:
    """Return how many tests of a report passed, failed (errors are failures) and were skipped."""
    passed = failed = skipped = 0
    for suite in ET.parse(report).iter("testsuite"):
        bad = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
        idle = int(suite.get("skipped", "0"))
        passed += int(suite.get("tests", "0")) - bad - idle
        failed += bad
        skipped += idle
    return passed, failed, skipped


def main() -> int:
    """Print the sum over the reports in the folder given; return 1 if a test failed or none ran."""
    reports = sorted(Path(sys.argv[1]).glob("*.xml"))
    passed, failed, skipped = (sum(column) for column in zip((0, 0, 0), *map(counts, reports), strict=True))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return int(failed > 0 or passed == 0)


if __name__ == "__main__":
    sys.exit(main())
