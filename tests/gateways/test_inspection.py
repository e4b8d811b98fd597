"""What the inspection takes, what it keeps of it, and its refusal for each hostile file."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import hostile
import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from domain.refusals import Refusal
from gateways.decoding.limits import Limits
from gateways.inspection import (
    InspectionBusy,
    Inspector,
    PhotographTooSmall,
    PhotographWrongShape,
    UploadActive,
    UploadAmbiguous,
    UploadDamaged,
    UploadEmpty,
    UploadEncrypted,
    UploadTooComplex,
    UploadTooLarge,
    UploadTooManyPages,
    UploadTooManyPixels,
    UploadTruncated,
    UploadTypeNotTaken,
)
from sandbox.samples import SAMPLES, sample

INSPECTOR = Inspector()


def inspect(kind: str, content: bytes):
    return INSPECTOR.inspect(kind, [content[i : i + 65536] for i in range(0, len(content), 65536)])


def assert_no_canary(content: bytes) -> None:
    for encoding in ("utf-8", "utf-16-be", "utf-16-le", "ascii"):
        for part in ("CANARY-7f3a", "ლუკა"):
            assert part.encode(encoding, "ignore") not in content or not part.encode(encoding, "ignore")


@pytest.mark.parametrize(
    "content",
    [
        hostile.jpeg(),
        hostile.jpeg_with_canary(),
        hostile.png(),
        hostile.png("RGBA"),
        hostile.png("P"),
        hostile.png("L"),
        hostile.png("I;16"),
        hostile.heic(),
    ],
)
def test_a_photograph_is_kept_as_its_pixels_alone(content: bytes) -> None:
    found = inspect("PHOTOGRAPH", content)
    assert (found.media_type, found.width, found.height) == ("image/jpeg", 700, 900)
    with Image.open(io.BytesIO(found.content)) as kept:
        kept.load()
        assert kept.size == (700, 900)
        assert set(kept.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        middle = kept.convert("L").getpixel((350, 450))
        assert 90 < middle < 170
    assert_no_canary(found.content)


def test_the_same_picture_with_other_metadata_is_kept_as_the_same_bytes() -> None:
    assert inspect("PHOTOGRAPH", hostile.jpeg()).content == inspect("PHOTOGRAPH", hostile.jpeg_with_canary()).content


def test_a_photograph_that_lies_on_its_side_is_set_upright() -> None:
    found = inspect("PHOTOGRAPH", hostile.jpeg_on_its_side())
    assert (found.width, found.height) == (700, 900)


def test_smaller_pictures_that_a_camera_puts_behind_are_left_out() -> None:
    assert (
        inspect("PHOTOGRAPH", hostile.jpeg() + hostile.jpeg(70, 90)).content
        == inspect("PHOTOGRAPH", hostile.jpeg()).content
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_taken(name: str) -> None:
    found = inspect("PHOTOGRAPH" if "photograph" in name else "OTHER", sample(name))
    assert found.media_type == SAMPLES[name]


def test_a_pdf_is_kept_in_one_revision_without_its_authors_name() -> None:
    def change(made: pikepdf.Pdf) -> None:
        made.Root["/OpenAction"] = pikepdf.Array([made.pages[0].obj, pikepdf.Name("/Fit")])
        with made.open_metadata() as told:
            told["dc:creator"] = [hostile.CANARY]

    found = inspect("MOTIVATION_LETTER", hostile.pdf(change))
    assert (found.media_type, found.pages) == ("application/pdf", 1)
    with pikepdf.open(io.BytesIO(found.content)) as kept:
        assert len(kept.pages) == 1
        assert "/OpenAction" not in kept.Root
        assert not dict(kept.docinfo)
    assert_no_canary(found.content)


@pytest.mark.parametrize(("width", "height"), [(600, 771), (600, 760), (600, 785), (3500, 4500)])
def test_shapes_that_are_taken(width: int, height: int) -> None:
    assert inspect("PHOTOGRAPH", hostile.jpeg(width, height)).width == width


def truncated(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


HOSTILE = {
    "empty": ("OTHER", b"", UploadEmpty),
    "PDF without a page": ("OTHER", hostile.without_pages(), UploadEmpty),
    "too large": ("OTHER", bytes(10 * 1024 * 1024 + 1), UploadTooLarge),
    "text": ("OTHER", b"plain words" * 20, UploadTypeNotTaken),
    "program": ("OTHER", b"\x7fELF" + bytes(200), UploadTypeNotTaken),
    "archive": ("OTHER", hostile.archive(), UploadTypeNotTaken),
    "GIF": ("OTHER", b"GIF89a" + bytes(200), UploadTypeNotTaken),
    "PDF as a photograph": ("PHOTOGRAPH", hostile.pdf(), UploadTypeNotTaken),
    "JPEG with an archive behind": ("OTHER", hostile.jpeg() + hostile.archive(), UploadAmbiguous),
    "PNG with an archive behind": ("OTHER", hostile.png() + hostile.archive(), UploadAmbiguous),
    "JPEG with a PDF behind": ("OTHER", hostile.jpeg() + hostile.pdf(), UploadAmbiguous),
    "JPEG with a PDF in its comment": ("OTHER", hostile.jpeg(comment=hostile.pdf()), UploadAmbiguous),
    "JPEG with a page in its comment": ("OTHER", hostile.jpeg(comment=b"<html><script>"), UploadAmbiguous),
    "PDF with an archive behind": ("OTHER", hostile.pdf() + hostile.archive(), UploadAmbiguous),
    "PDF with a page behind": ("OTHER", hostile.pdf() + b"<html><script>", UploadAmbiguous),
    "PDF behind an image's head": ("OTHER", b"GIF89a" + hostile.pdf(), UploadAmbiguous),
    "JPEG cut": ("PHOTOGRAPH", truncated(hostile.jpeg()), UploadTruncated),
    "JPEG without its last two bytes": ("PHOTOGRAPH", hostile.jpeg()[:-2], UploadTruncated),
    "PNG cut": ("PHOTOGRAPH", truncated(hostile.png()), UploadTruncated),
    "HEIC cut": ("PHOTOGRAPH", truncated(hostile.heic()), UploadTruncated),
    "PDF cut": ("OTHER", truncated(hostile.pdf()), UploadTruncated),
    "JPEG head alone": ("PHOTOGRAPH", b"\xff\xd8\xff", UploadTruncated),
    "JPEG of noise": ("OTHER", b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8 + b"\xff\xd9", UploadDamaged),
    "PDF of noise": ("OTHER", b"%PDF-1.7\n" + bytes(range(256)) * 8 + b"\n%%EOF\n", UploadDamaged),
    "PDF under a password": ("OTHER", hostile.encrypted("secret"), UploadEncrypted),
    "PDF with restricted rights": ("OTHER", hostile.encrypted(""), UploadEncrypted),
    "PDF of many pages": ("OTHER", hostile.with_many_pages(101), UploadTooManyPages),
    "30,000 × 30,000 pixels": ("OTHER", hostile.png_that_unpacks_to(30_000, 30_000), UploadTooManyPixels),
    "one row of a million pixels": ("PHOTOGRAPH", hostile.png_that_unpacks_to(1_000_000, 100), UploadTooManyPixels),
    "narrow": ("PHOTOGRAPH", hostile.jpeg(599, 770), PhotographTooSmall),
    "narrow once upright": ("PHOTOGRAPH", hostile.jpeg(900, 599), PhotographWrongShape),
    "square": ("PHOTOGRAPH", hostile.jpeg(700, 700), PhotographWrongShape),
    "a little too slim": ("PHOTOGRAPH", hostile.jpeg(700, 920), PhotographWrongShape),
    "a little too wide": ("PHOTOGRAPH", hostile.jpeg(700, 880), PhotographWrongShape),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_each_hostile_file_has_its_own_refusal(name: str) -> None:
    kind, content, refusal = HOSTILE[name]
    with pytest.raises(Refusal) as refused:
        inspect(kind, content)
    assert type(refused.value) is refusal


@pytest.mark.parametrize("name", hostile.ACTIVE)
def test_a_pdf_that_can_act_is_refused(name: str) -> None:
    content = hostile.pdf(hostile.ACTIVE[name])
    if "hexadecimal" in name:
        content = content.replace(b"/S /JavaScript /Type /", b"/S/J#61vaScript /Type/")
        assert b"#61" in content
    for kept in (content, hostile.pdf(hostile.ACTIVE[name], object_stream_mode=pikepdf.ObjectStreamMode.generate)):
        with pytest.raises(UploadActive):
            inspect("OTHER", kept)


@settings(deadline=None, max_examples=25)
@given(
    which=st.sampled_from(["jpeg", "png", "heic", "pdf"]), at=st.floats(0, 1), junk=st.binary(min_size=1, max_size=40)
)
def test_a_damaged_file_is_taken_or_refused_and_never_an_error(which: str, at: float, junk: bytes) -> None:
    content = getattr(hostile, which)()
    place = int(at * len(content))
    try:
        found = inspect("OTHER", content[:place] + junk + content[place + len(junk) :])
    except Refusal:
        return
    assert found.content


def test_a_worker_that_takes_too_much_memory_is_ended() -> None:
    greedy = Inspector(Limits(memory=80 * 1024 * 1024))
    with pytest.raises(UploadTooComplex):
        greedy.inspect("OTHER", [hostile.jpeg(5000, 6000)])


def test_a_pdf_that_unpacks_beyond_memory_is_refused() -> None:
    small = Inspector(Limits(memory=300 * 1024 * 1024))
    bomb = hostile.pdf_that_unpacks_to(400 << 20)
    assert len(bomb) < 4_000_000
    with pytest.raises(UploadDamaged):
        small.inspect("OTHER", [bomb])


def test_a_worker_that_takes_too_long_is_ended() -> None:
    slow = hostile.png("RGB", 6900, 7000)
    with pytest.raises(UploadTooComplex):
        Inspector(Limits(cpu=1)).inspect("OTHER", [slow])


def test_a_worker_that_gives_no_answer_in_time_is_ended() -> None:
    with pytest.raises(UploadTooComplex):
        Inspector(deadline=0.01).inspect("OTHER", [hostile.png("RGB", 6900, 7000)])


def test_only_so_many_at_once() -> None:
    inspector = Inspector(at_once=1, patience=0)

    def while_the_first_is_open():
        with pytest.raises(InspectionBusy):
            inspector.inspect("PHOTOGRAPH", [hostile.jpeg()])
        yield hostile.jpeg()

    assert inspector.inspect("PHOTOGRAPH", while_the_first_is_open()).width == 700


CONFINED = """
import os, socket, sys
sys.path.append({root!r})
from gateways.decoding.limits import Limits
from gateways.decoding.worker import confine
confine(Limits())
assert not os.environ.get("SARKMELI_SECRET"), "environment"
assert os.getuid() != 0, "root"
assert sorted(os.listdir("/proc/self/fd"))[:3] == ["0", "1", "2"], "descriptors"
tries = []
for name, attempt in {{
    "writes": lambda: os.write(os.open("/tmp/sarkmeli-worker", os.O_CREAT | os.O_WRONLY), b"x"),
    "forks": os.fork,
    "reads the key folder": lambda: open({secret!r}).read(),
    "fills memory": lambda: bytearray(4 << 30),
}}.items():
    try:
        attempt()
    except (OSError, MemoryError):
        continue
    tries.append(name)
print(tries)
"""


def test_a_worker_that_was_broken_into_can_do_little(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("key")
    secret.chmod(0o600)
    root = str(Path(__file__).parent.parent.parent)
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else; a deployment runs the service as a user without the keys")
    said = subprocess.run(
        [sys.executable, "-I", "-c", CONFINED.format(root=root, secret=str(secret))],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.stdout.strip(), said.returncode) == ("[]", 0), said.stderr
