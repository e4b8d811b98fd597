"""A real browser, and what is asked of every page in it: nothing that axe finds, nothing that scrolls sideways.

With SHOTS naming a folder every look is kept there as a picture, wide and narrow, for the eye.
"""

import os
import shutil
from pathlib import Path

import pytest

BROWSERS = (os.environ.get("CHROMIUM", ""), "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
"""axe's names for the Web Content Accessibility Guidelines 2.2, levels A and AA."""
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

_FOUND = "async tags => (await axe.run(document, { runOnly: tags })).violations"
_SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def chromium():
    """The system's browser. Skips, which REQUIRE_ALL=1 forbids, where there is none: none is downloaded."""
    found = next((path for path in BROWSERS if path and shutil.which(path)), None)
    if found is None:
        pytest.skip("no Chromium here (Debian: chromium): the pages were not tried in a browser")
    return found


def axe():
    """axe-core, which `make setup` installs. Skips as `chromium` does."""
    if not AXE.is_file():
        pytest.skip("no axe-core here (make setup): whether everybody can use the pages was not tried")
    return AXE.read_text(encoding="utf-8")


def looked_at(page, name):
    """Nobody is kept out of what the page shows now: by light at a desk, and in the dark on a telephone."""
    page.evaluate(axe())
    for scheme, size in (("dark", NARROW), ("light", WIDE)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        found = page.evaluate(_FOUND, TAGS)
        told = [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found]
        assert not told, f"{name}, {scheme}, {size['width']} px wide: {told}"
        assert page.evaluate(_SIDEWAYS) <= 0, f"{name} scrolls sideways at {size['width']} px"
        if folder := os.environ.get("SHOTS"):
            page.screenshot(path=Path(folder) / f"{name}-{size['width']}.png", full_page=True)
