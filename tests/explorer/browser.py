"""A real browser for tests of the page: Debian's chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # WebGL without a graphics card
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
PATIENCE_MS = 20_000


def chromium() -> str:
    """Return where chromium is; the test is skipped where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    return found


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """Start the browser and stop it afterwards."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Seen:
    """A page and what the browser had to say of it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def wait_until_drawn(self) -> None:
        """Wait until figures and map of the address are there."""
        self.page.wait_for_selector("#map[data-ready=true]", timeout=PATIENCE_MS)
        self.page.wait_for_selector("body:not([aria-busy])", timeout=PATIENCE_MS)

    def keep(self, folder: Path, name: str) -> None:
        """Save a picture of the whole page."""
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png", full_page=True)


@contextmanager
def opened_page(
    browser: Browser,
    address: str,
    *,
    size: tuple[int, int] = (1440, 900),
    scheme: str = "light",
    language: str = "en-GB",
) -> Iterator[Seen]:
    """Open the address in a fresh profile, listening for errors and requests to elsewhere."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        locale=language,
        timezone_id="Europe/Bucharest",
        reduced_motion="reduce",
    )
    seen = Seen(context.new_page())
    host = urlsplit(address).netloc
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.on(
        "console",
        lambda said: seen.complaints.append(said.text) if _is_serious(said) else None,
    )
    seen.page.on(
        "request",
        lambda request: None if _is_own(request.url, host) else seen.outside.append(request.url),
    )
    seen.page.goto(address)
    yield seen
    context.close()


def _is_serious(said: ConsoleMessage) -> bool:
    # SwiftShader remarks on its own speed when a test reads the canvas; no page can help that.
    return said.type in ("error", "warning") and "GL Driver Message" not in said.text


def _is_own(url: str, host: str) -> bool:
    parts = urlsplit(url)
    return parts.netloc == host or parts.scheme in ("data", "blob")
