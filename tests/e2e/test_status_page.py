"""The status page in a real Chromium: what it shows, by eye, by keyboard and by its accessibility tree.

Pictures of it are left in build/screenshots.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.forwarder import Forwarder
from tests.support.proxies import Proxy, make_key
from tests.support.servers import Server, connect, echo, receive
from tests.support.status import ANY_PORT, status_of
from tests.support.waiting import wait_until

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
SIZES = (1, 70_000, 3000)  # bytes that each client has carried there and back
TIMEOUT = 20_000  # milliseconds
SMALLEST_TARGET = 20  # CSS pixels


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        expect.set_options(timeout=TIMEOUT)
        yield browser
        browser.close()


class Scene:
    """A tunnel whose link can be cut, with some clients."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        keys = ("-k", str(make_key(folder)))
        server = stack.enter_context(Server(echo))
        self.server = stack.enter_context(
            Proxy(folder, "server", "-S", "-s", f"127.0.0.1:{server.port}", *keys, *ANY_PORT)
        )
        self.path = stack.enter_context(Forwarder(self.server.port))
        self.client = stack.enter_context(
            Proxy(folder, "client", "-s", f"127.0.0.1:{self.path.port}", *keys, *ANY_PORT)
        )
        self.clients = [self._open(stack, size) for size in SIZES]

    def _open(self, stack: ExitStack, size: int) -> socket.socket:
        client = stack.enter_context(connect(self.client.port))
        client.sendall(bytes(size))
        assert len(receive(client, size)) == size
        return client


def url(proxy: Proxy) -> str:
    """Its page."""
    return f"http://{status_of(proxy)}/"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(tmp_path, stack)


@pytest.fixture
def page(browser: Browser, scene: Scene) -> Iterator[Page]:
    """The client proxy's page, ready; nothing may be said on the browser's console, where broken policies are."""
    with browser.new_context(viewport={"width": 1180, "height": 900}) as context:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(url(scene.client))
        expect(page.get_by_role("status")).to_have_text("Ready")
        yield page
        assert not [text for text in said if "ERR_" not in text]  # the proxy may have gone


def rows(page: Page) -> list[str]:
    """The second line of each row of the table of connections: the connection's id."""
    return page.locator("#connections [data-part=id]").all_text_contents()


def test_it_shows_the_peer_the_connections_and_the_keys(page: Page, scene: Scene) -> None:
    expect(page.locator(".peer-name")).to_have_text(f"127.0.0.1:{scene.path.port}")
    expect(page.locator(".peer .pill")).to_have_text("Up")
    expect(page.locator("#connections tr")).to_have_count(len(SIZES))
    expect(page.locator("#keys li")).to_contain_text(["default1 peer"])
    expect(page.locator("#log-empty")).to_be_visible()
    expect(page.locator("#about")).to_contain_text(f"client proxy on 127.0.0.1:{scene.client.port}")


def test_it_is_live(page: Page, scene: Scene) -> None:
    scene.clients[0].sendall(bytes(5 * 1024 * 1024 // 4))
    expect(page.locator("#connections tr").first).to_contain_text("MiB")
    scene.clients.pop().close()
    expect(page.locator("#connections tr")).to_have_count(len(SIZES) - 1)


def test_a_cut_link_is_a_mark_on_the_time_line(page: Page, scene: Scene) -> None:
    scene.path.cut()
    expect(page.locator(".strip .mark.resumed")).to_have_count(1)
    expect(page.locator("#tile-resumptions")).to_have_text("1")
    expect(page.get_by_role("list", name="What happened to links")).to_contain_text("link resumed, after")
    expect(page.locator("#log li")).to_contain_text(["resuming"])


def test_the_table_is_sorted_by_keyboard(page: Page) -> None:
    heading = page.get_by_role("columnheader", name="To server")
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    falling = rows(page)
    page.keyboard.press("Space")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    assert rows(page) == falling[::-1]
    expect(page.locator("th[aria-sort]")).to_have_count(1)


def test_the_filter_leaves_what_fits(page: Page) -> None:
    last = rows(page)[-1]
    page.get_by_role("searchbox", name="Filter connections").fill(last)
    expect(page.locator("#connections tr")).to_have_count(1)
    page.get_by_role("searchbox").fill("nothing like this")
    expect(page.locator("#connections-empty")).to_have_text("No connection fits the filter")


def test_focus_stays_while_the_page_changes(page: Page, scene: Scene) -> None:
    page.get_by_role("searchbox").focus()
    scene.clients.pop().close()
    expect(page.locator("#connections tr")).to_have_count(len(SIZES) - 1)
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_pause_holds_what_is_shown(page: Page, scene: Scene) -> None:
    button = page.get_by_role("button", name="Pause")
    button.click()
    expect(page.get_by_role("button", name="Resume")).to_have_attribute("aria-pressed", "true")
    scene.clients.pop().close()
    received: int = page.evaluate("samples.length")
    wait_until(lambda: page.evaluate("samples.length") > received + 2, "news that are not shown")
    expect(page.locator("#connections tr")).to_have_count(len(SIZES))
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#connections tr")).to_have_count(len(SIZES) - 1)


def test_a_proxy_that_is_gone_is_said_to_be(page: Page, scene: Scene) -> None:
    expect(page.get_by_role("alert")).to_be_hidden()
    scene.client.end()
    expect(page.get_by_role("alert")).to_contain_text("The proxy does not answer")


def test_each_part_has_a_name_for_who_can_not_see_it(page: Page) -> None:
    for heading in ("Throughput", "Peers", "Connections", "Keys", "Recent warnings"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        expect(page.get_by_role("region", name=heading).first).to_be_attached()
    expect(page.get_by_role("img", name=re.compile("^(Throughput of the last|Nothing was carried)"))).to_be_attached()
    expect(page.get_by_role("table", name="Connections that are open")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to connections")).to_be_focused()
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(page: Page, scheme: str) -> None:
    """At least 4.5 to 1 between text and what lies behind it (WCAG 2.2, 1.4.3)."""
    # Without motion: while a colour fades into the other scheme's, it has the contrast of neither
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    ratios: dict[str, float] = page.evaluate(CONTRAST)
    assert ratios
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("width", [320, 390, 768, 1180])
def test_no_width_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert box is None or box["height"] >= SMALLEST_TARGET


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "width"), [("desktop", 1180), ("telephone", 390)])
def test_pictures_are_taken(page: Page, scene: Scene, scheme: str, device: str, width: int) -> None:
    scene.path.cut()
    expect(page.locator(".strip .mark.resumed")).to_have_count(1)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    picture = page.screenshot(path=SCREENSHOTS / f"status-{device}-{scheme}.png", full_page=True)
    assert len(picture) > 10_000


def test_the_server_proxy_s_page(browser: Browser, scene: Scene) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(url(scene.server))
        expect(page.get_by_role("status")).to_have_text("Ready")
        expect(page.locator(".peer-about")).to_contain_text("key default")
        expect(page.locator("#connections tr")).to_have_count(len(SIZES))


def test_a_page_without_traffic_has_something_to_say(browser: Browser, tmp_path: Path) -> None:
    keys = ("-k", str(make_key(tmp_path)))
    with (
        Proxy(tmp_path, "server", "-S", *keys, *ANY_PORT) as proxy,
        browser.new_context() as context,
    ):
        page = context.new_page()
        page.goto(url(proxy))
        for text in ("No client proxy is connected", "No connection is open", "All quiet", "Nothing was carried"):
            expect(page.get_by_text(text)).to_be_visible()
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / "status-empty.png", full_page=True)


CONTRAST = """() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const light = (colour) => colour.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const found = {};
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!text || !element.checkVisibility() || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    const under = behind(element), colour = over(parse(getComputedStyle(element).color), under);
    const [high, low] = [light(colour), light(under)].sort((a, b) => b - a);
    const name = `${element.tagName} ${element.className} ${element.textContent.trim().slice(0, 20)}`;
    found[name] = Math.round(100 * (high + 0.05) / (low + 0.05)) / 100;
  }
  return found;
}"""
