"""A SoftHSM2 token of a test's own, or the reason why there is none."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from ledger.token_place import TokenPlace

PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
PIN, OFFICER_PIN = "correct horse", "officer's own"


def module() -> str:
    """SoftHSM2's PKCS#11 module. Skips, which REQUIRE_ALL=1 forbids, where there is none."""
    found = [path for path in (os.environ.get("SOFTHSM2_MODULE", ""), *PLACES) if path and Path(path).exists()]
    if not found or shutil.which("softhsm2-util") is None:
        pytest.skip("no SoftHSM2 here (Debian: softhsm2): keys in a PKCS#11 token were not tried")
    return found[0]


@functools.cache
def configure() -> Path:
    """Have this process and its children find their tokens in a folder of their own, once: the module asks once."""
    folder = Path(tempfile.mkdtemp(prefix="softhsm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    return folder / "tokens"


def new_token(label: str) -> TokenPlace:
    """A token of this name, made by SoftHSM2's own tool. Skips as `module` does."""
    path = module()
    configure()
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", OFFICER_PIN, "--pin", PIN],
        check=True,
        capture_output=True,
    )
    return TokenPlace(path, label, PIN)
