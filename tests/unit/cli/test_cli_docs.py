from __future__ import annotations

from tools import make_cli_docs


def test_the_page_is_up_to_date() -> None:
    assert make_cli_docs.PAGE.read_text(encoding="utf-8") == make_cli_docs.page(), "run tools/make_cli_docs.py"
