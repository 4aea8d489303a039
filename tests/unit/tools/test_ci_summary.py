"""The closing line of the continuous integration says what the reports say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import ci_summary

REPORT = (
    '<testsuites><testsuite tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}"/></testsuites>'
)


def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["ci_summary", str(folder)])
    return ci_summary.main()


def test_reports_are_added_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.xml").write_text(REPORT.format(tests=10, failures=0, errors=0, skipped=1))
    (tmp_path / "b.xml").write_text(REPORT.format(tests=5, failures=0, errors=0, skipped=0))
    assert run(tmp_path, monkeypatch) == 0
    assert capsys.readouterr().out == "14 passed, 0 failed, 1 skipped\n"


def test_an_error_counts_as_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.xml").write_text(REPORT.format(tests=10, failures=1, errors=2, skipped=0))
    assert run(tmp_path, monkeypatch) == 1
    assert capsys.readouterr().out == "7 passed, 3 failed, 0 skipped\n"


def test_no_test_at_all_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(tmp_path, monkeypatch) == 1
