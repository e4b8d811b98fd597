"""One service and one browser a worker, over real PostgreSQL and real neighbours on loopback."""

import itertools

import pytest
from browsing import WIDE, chromium
from neighbours import Sandbox, free_port
from playwright.sync_api import sync_playwright
from window import settings_of, window

_addresses = itertools.count(1)


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium."""
    path = chromium()
    with sync_playwright() as playwright:
        # Who runs the tests may be root, for whom its sandbox does not start; it is shown no page but ours.
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def at(browser, tmp_path_factory, databases):
    """The service."""
    folder, port, sandbox_port = tmp_path_factory.mktemp("run"), free_port(), free_port()
    named = ("--public-url", f"http://localhost:{sandbox_port}")
    sandbox = Sandbox(folder / "sandbox", f"http://localhost:{port}", named, sandbox_port).start()
    with window(settings_of(folder, databases.make, port, sandbox), sandbox) as running:
        yield running
    sandbox.stop()


@pytest.fixture
def visitor(at, browser):
    """A function that opens a page for somebody at an address of their own, who reads this language.

    Whatever its script fails at fails the test.
    """
    opened, failed = [], []

    def opens(language):
        number = next(_addresses)
        headers = {"X-Forwarded-For": f"203.0.{number >> 8}.{number & 255}"}
        context = browser.new_context(locale=language, viewport=WIDE, extra_http_headers=headers)
        opened.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("pageerror", lambda error: failed.append(str(error)))
        return page

    yield opens
    for context in opened:
        context.close()
    assert not failed
