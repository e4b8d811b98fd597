"""Uploads over HTTP: what comes in is sealed, opened, kept; what is refused leaves nothing and says why."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import hostile
import httpx
import pytest
from databases import NewDatabase
from fastapi import FastAPI
from papers import HERE, Room, a_room

from api.uploads import AT_ONCE, COOKIE, PER_PLACE, Reception, uploads_router
from gateways.inspection import Inspector
from housekeeping.uploads import original_of
from sandbox.samples import sample

OURS = "https://window.example"
PHOTOGRAPH = sample("photograph-1.jpg")


@pytest.fixture
def room(new_database: NewDatabase, tmp_path: Path) -> Iterator[Room]:
    with a_room(new_database, tmp_path) as made:
        yield made


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def reception(room: Room, **limits: int) -> Reception:
    return Reception(
        drafts=room.drafts(),
        uploads=room.uploads(**limits),
        files=room.files,
        inspector=Inspector(),
        client=lambda request: request.headers.get("x-place", HERE),
        origins={OURS},
    )


def browser(received: Reception, **headers: str) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(uploads_router(received))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=OURS, headers=headers)


def with_draft(room: Room, received: Reception | None = None) -> httpx.AsyncClient:
    token = room.drafts().open(HERE).token
    return browser(received or reception(room), authorization=f"Bearer {token}")


async def piecewise(content: bytes, by: int = 30_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), by):
        yield content[start : start + by]


@pytest.mark.anyio
async def test_a_photograph_comes_in_raw_or_in_a_form_and_is_listed_and_taken_back(room: Room) -> None:
    async with with_draft(room) as client:
        raw = await client.post("/uploads?kind=PHOTOGRAPH", content=piecewise(PHOTOGRAPH))
        form = await client.post(
            "/uploads", data={"kind": "photograph"}, files={"file": ("me.txt", PHOTOGRAPH, "text/plain")}
        )
        assert (raw.status_code, form.status_code) == (201, 201)
        assert raw.json()["mediaType"] == form.json()["mediaType"] == "image/jpeg"
        assert (await client.get("/uploads")).json() == [raw.json(), form.json()]
        assert (await client.delete(f"/uploads/{raw.json()['id']}")).status_code == 204
        assert (await client.get("/uploads")).json() == [form.json()]
        assert (await client.delete(f"/uploads/{raw.json()['id']}")).status_code == 404
        assert room.stored() == 2


@pytest.mark.anyio
async def test_the_sealed_original_stands_beside_the_copy(room: Room) -> None:
    token = room.drafts().open(HERE).token
    async with browser(reception(room), authorization=f"Bearer {token}") as client:
        await client.post("/uploads?kind=OTHER", content=hostile.jpeg_with_canary())
    draft = room.drafts().find(token)
    assert draft is not None
    [upload] = room.uploads().of(draft.id, draft.subject)
    assert room.files.open(draft.subject, original_of(upload.file)).content() == hostile.jpeg_with_canary()
    copy = room.files.open(draft.subject, upload.file).content()
    assert len(copy) == upload.size
    assert b"CANARY" not in copy


@pytest.mark.anyio
async def test_a_canary_in_metadata_and_name_is_found_nowhere_in_clear(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    made: list[str] = []
    monkeypatch.setattr(tempfile, "mkstemp", lambda *_, **__: made.append("mkstemp") or pytest.fail("a temporary file"))
    name = f"{hostile.CANARY}.jpg"
    async with with_draft(room) as client:
        big = hostile.jpeg_with_canary() + bytes(3_000_000)
        for content in (hostile.jpeg_with_canary(), big, hostile.pdf()):
            answer = await client.post("/uploads?kind=OTHER", files={"file": (name, content)})
            assert answer.status_code == 201, answer.text
            assert "CANARY" not in answer.text
    assert not made
    assert not list(temporary.iterdir())
    for each in [*tmp_path.rglob("*"), *room.folder.rglob("*")]:
        assert "CANARY" not in each.name
        if each.is_file():
            assert b"CANARY" not in each.read_bytes()
    with room.pool.connection() as db:
        assert "CANARY" not in str(db.execute("SELECT u::text FROM housekeeping.upload u").fetchall())


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("query", "content", "status", "code"),
    [
        ("kind=PHOTOGRAPH", b"", 422, "UPLOAD_EMPTY"),
        ("kind=PHOTOGRAPH", b"words", 415, "UPLOAD_TYPE_NOT_TAKEN"),
        ("kind=PHOTOGRAPH", hostile.jpeg(700, 700), 422, "PHOTOGRAPH_WRONG_SHAPE"),
        ("kind=OTHER", hostile.jpeg() + hostile.archive(), 422, "UPLOAD_AMBIGUOUS"),
        ("kind=OTHER", hostile.encrypted("x"), 422, "UPLOAD_ENCRYPTED"),
        ("kind=SPELL", PHOTOGRAPH, 400, "UPLOAD_KIND_UNKNOWN"),
        ("", PHOTOGRAPH, 400, "UPLOAD_KIND_UNKNOWN"),
        ("kind=OTHER", bytes(10 * 1024 * 1024 + 1), 413, "UPLOAD_TOO_LARGE"),
    ],
)
async def test_a_refusal_has_its_status_and_sentence_and_leaves_nothing(
    room: Room, query: str, content: bytes, status: int, code: str
) -> None:
    async with with_draft(room) as client:
        for language, letters in (("ka-GE,en;q=0.5", "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ"), ("en", "abcdefgh")):
            headers = {"accept-language": language}
            whole = await client.post(f"/uploads?{query}", content=content, headers=headers)
            pieces = await client.post(f"/uploads?{query}", content=piecewise(content), headers=headers)
            for answer in (whole, pieces):
                assert (answer.status_code, answer.json()["code"]) == (status, code)
                assert set(answer.json()["message"]) & set(letters)
        assert (await client.get("/uploads")).json() == []
    assert room.stored() == 0


@pytest.mark.anyio
async def test_a_body_that_never_ends_is_cut_off_at_the_limit(room: Room) -> None:
    given: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            given.append(65536)
            assert sum(given) < 12 * 1024 * 1024
            yield bytes(65536)

    async with with_draft(room) as client:
        answer = await client.post("/uploads?kind=OTHER", content=endless())
    assert answer.json()["code"] == "UPLOAD_TOO_LARGE"
    assert room.stored() == 0


@pytest.mark.anyio
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="kind"\r\n\r\nOTHER\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nwords',
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nwords\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="b"\r\n\r\nwords\r\n--b--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="kind"\r\n\r\n' + bytes(200_000),
        b"not a form at all",
        b"--b\r\n" + b"X: y\r\n" * 5000,
    ],
)
async def test_a_form_that_is_not_one_whole_file_is_refused(room: Room, body: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    async with with_draft(room) as client:
        for by in (7, 100_000):
            answer = await client.post("/uploads?kind=OTHER", content=piecewise(body, by), headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (400, "UPLOAD_MALFORMED")
        bare = await client.post("/uploads?kind=OTHER", content=b"x", headers={"content-type": "multipart/form-data"})
        assert bare.json()["code"] == "UPLOAD_MALFORMED"
    assert room.stored() == 0


@pytest.mark.anyio
async def test_a_cookie_is_believed_only_from_our_own_pages(room: Room) -> None:
    token = room.drafts().open(HERE).token
    for headers, posted, listed in (
        ({"x-sarkmeli": "1", "origin": OURS}, 201, 200),
        ({"x-sarkmeli": "1"}, 403, 200),
        ({"origin": OURS}, 403, 403),
        ({}, 403, 403),
        ({"x-sarkmeli": "1", "origin": "https://elsewhere.example"}, 403, 403),
        ({"x-sarkmeli": "1", "origin": "null"}, 403, 403),
    ):
        async with browser(reception(room), cookie=f"{COOKIE}={token}", **headers) as client:
            assert (await client.post("/uploads?kind=PHOTOGRAPH", content=PHOTOGRAPH)).status_code == posted
            assert (await client.get("/uploads")).status_code == listed
    for headers in (
        {},
        {"authorization": "Bearer x.y"},
        {"authorization": "Basic eDp5"},
        {"cookie": f"{COOKIE}=x", "origin": OURS},
    ):
        async with browser(reception(room), **{"x-sarkmeli": "1"}, **headers) as client:
            answer = await client.post("/uploads?kind=PHOTOGRAPH", content=PHOTOGRAPH)
            assert (answer.status_code, answer.json()["code"]) == (401, "DRAFT_REQUIRED")


@pytest.mark.anyio
async def test_a_thirteenth_file_is_refused(room: Room) -> None:
    async with with_draft(room, reception(room, per_draft=1)) as client:
        assert (await client.post("/uploads?kind=PHOTOGRAPH", content=PHOTOGRAPH)).status_code == 201
        answer = await client.post("/uploads?kind=PHOTOGRAPH", content=PHOTOGRAPH)
        assert (answer.status_code, answer.json()["code"], answer.json()["facts"]) == (
            429,
            "TOO_MANY_FILES",
            {"most": "1"},
        )


@pytest.mark.anyio
async def test_a_file_that_comes_too_slowly_gives_its_place_back(room: Room) -> None:
    stuck = anyio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield PHOTOGRAPH[:1000]
        await stuck.wait()

    async with with_draft(room, replace(reception(room), seconds=0.05)) as client:
        for _ in range(AT_ONCE + 1):
            answer = await client.post("/uploads?kind=PHOTOGRAPH", content=slow())
            assert (answer.status_code, answer.json()["code"]) == (408, "UPLOAD_TOO_SLOW")
    assert room.stored() == 0


@pytest.mark.anyio
async def test_so_many_come_in_at_once_and_the_next_is_told_to_wait(room: Room) -> None:
    all_in, go_on = anyio.Event(), anyio.Event()
    begun: list[int] = []

    async def held() -> AsyncIterator[bytes]:
        yield b"words"
        begun.append(1)
        if len(begun) == AT_ONCE:
            all_in.set()
        await go_on.wait()

    async with with_draft(room, reception(room, per_draft=100)) as client, anyio.create_task_group() as group:
        for place in range(AT_ONCE):
            there = {"x-place": f"192.0.2.{place}"}
            group.start_soon(partial(client.post, "/uploads?kind=OTHER", content=held(), headers=there))
        await all_in.wait()
        answer = await client.post("/uploads?kind=OTHER", content=b"words")
        assert (answer.status_code, answer.json()["code"]) == (503, "UPLOADS_BUSY")
        go_on.set()
    assert room.stored() == 0


@pytest.mark.anyio
async def test_one_place_s_slow_files_keep_nobody_else_out(room: Room) -> None:
    all_in, go_on = anyio.Event(), anyio.Event()
    begun: list[int] = []

    async def held() -> AsyncIterator[bytes]:
        yield b"--a\r\n"
        begun.append(1)
        if len(begun) == PER_PLACE:
            all_in.set()
        await go_on.wait()

    form = {"content-type": "multipart/form-data; boundary=a"}
    async with with_draft(room) as client, anyio.create_task_group() as group:
        for host in range(PER_PLACE):
            there = {**form, "x-place": f"2001:db8::{host + 1}"}
            group.start_soon(partial(client.post, "/uploads?kind=OTHER", content=held(), headers=there))
        await all_in.wait()
        answers = [
            await client.post("/uploads?kind=PHOTOGRAPH", content=PHOTOGRAPH, headers={"x-place": place})
            for place in ("2001:db8::ffff", "2001:db8:0:1::1")
        ]
        go_on.set()
    assert [answer.status_code for answer in answers] == [503, 201]


@pytest.mark.anyio
async def test_what_breaks_within_leaves_nothing_and_stays_loud(room: Room) -> None:
    class Breaks(Inspector):
        def inspect(self, kind, content):
            raise RuntimeError("a bug")

    async with with_draft(room, replace(reception(room), inspector=Breaks())) as client:
        with pytest.raises(RuntimeError, match="a bug"):
            await client.post("/uploads?kind=OTHER", content=PHOTOGRAPH)
        assert (await client.get("/uploads")).json() == []
    assert room.stored() == 0
