"""The page is one file that needs nothing else, and its policy lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import re

from wormhole_tunnel.observe.status.page import PAGE, PAGE_POLICY

DIRECTIVES = dict(part.split(" ", 1) for part in PAGE_POLICY.split("; "))


def test_the_policy_names_the_hash_of_each_inline_element() -> None:
    for element, directive in (("script", "script-src"), ("style", "style-src")):
        [content] = re.findall(f"<{element}>(.*?)</{element}>", PAGE, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert DIRECTIVES[directive] == f"'sha256-{digest}'"


def test_the_policy_lets_nothing_else_in() -> None:
    assert DIRECTIVES["default-src"] == "'none'"
    assert "unsafe" not in PAGE_POLICY
    assert "*" not in PAGE_POLICY


def test_nothing_comes_from_elsewhere() -> None:
    addresses = set(re.findall(r"https?://[^\s\"'%]+", PAGE))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # a name, which no browser fetches
    assert not re.search(r"<(link(?! rel=\"icon\" href=\"data:)|script src|iframe|img)", PAGE)


def test_there_is_no_inline_handler_or_style() -> None:
    assert not re.search(r"<[^>]+\s(on\w+|style)=", PAGE)


def test_nothing_of_a_proxy_becomes_markup() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", PAGE)
