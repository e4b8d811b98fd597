"""Drafts and uploads: secrets, quotas, and files that end with their draft unless a case holds them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from databases import NewDatabase
from papers import CONTENT, ELSEWHERE, EMAIL, HERE, Cases, Room, a_room

from domain.refusals import Refusal
from gateways.files import FileMissing
from housekeeping.drafts import TooManyDrafts
from housekeeping.uploads import DraftOver, TooManyFiles, UploadQuotaFull, UploadUnknown, original_of
from ledger.keys import SubjectErased


@pytest.fixture
def room(new_database: NewDatabase, tmp_path: Path) -> Iterator[Room]:
    with a_room(new_database, tmp_path) as made:
        yield made


def test_a_draft_opens_with_its_secret_and_with_nothing_else(room: Room) -> None:
    drafts = room.drafts()
    opened, other = drafts.open(HERE), drafts.open(HERE)
    found = drafts.find(opened.token)
    assert found is not None
    assert (found.id, found.subject, found.case) == (opened.id, opened.subject, None)
    name, _, secret = opened.token.partition(".")
    for wrong in (
        "",
        ".",
        name,
        f"{name}.",
        f"{name}.{secret[:-1]}",
        f"{other.id.hex}.{secret}",
        "\ud800.x",
        "x" * 9999,
    ):
        assert drafts.find(wrong) is None
    room.days_pass(found)
    assert drafts.find(opened.token) is None


def test_a_draft_for_papers_to_a_case_has_the_cases_subject(room: Room) -> None:
    drafts, subject, case = room.drafts(), room.keys.mint(), uuid4()
    found = drafts.find(drafts.open(HERE, subject=subject, case=case).token)
    assert found is not None
    assert (found.subject, found.case) == (subject, case)


def test_an_address_is_confirmed_for_this_draft_and_this_address_alone(room: Room) -> None:
    drafts, one, other = room.drafts(), room.draft(), room.draft()
    assert not drafts.confirmed(one.id, EMAIL)
    drafts.confirm_email(one.id, EMAIL)
    assert drafts.confirmed(one.id, EMAIL)
    assert not drafts.confirmed(one.id, "other@example.org")
    assert not drafts.confirmed(other.id, EMAIL)
    drafts.confirm_email(one.id, "other@example.org")
    assert not drafts.confirmed(one.id, EMAIL)


def test_so_many_drafts_from_one_prefix_and_in_all(room: Room) -> None:
    drafts = room.drafts(per_prefix=2, in_all=3)
    for _ in range(2):
        drafts.open(HERE)
    with pytest.raises(TooManyDrafts):
        drafts.open(HERE)
    drafts.open(ELSEWHERE)
    with pytest.raises(TooManyDrafts):
        drafts.open("198.51.100.1")


def test_what_is_kept_is_listed_and_read(room: Room) -> None:
    draft, uploads = room.draft(), room.uploads()
    first, second = room.kept(draft, "PHOTOGRAPH"), room.kept(draft, "IDENTITY")
    assert uploads.of(draft.id, draft.subject) == (first, second)
    assert first.digest == hashlib.sha256(CONTENT).hexdigest()
    assert room.files.open(draft.subject, first.file).content() == CONTENT
    assert room.files.open(draft.subject, original_of(first.file)).content() == CONTENT


def test_of_many_at_once_no_more_are_let_in_than_a_draft_may_hold(room: Room) -> None:
    draft, uploads = room.draft(), room.uploads(per_draft=4)

    def begin(_: int) -> bool:
        try:
            uploads.begin(draft, "OTHER", HERE)
        except TooManyFiles:
            return False
        return True

    with ThreadPoolExecutor(10) as threads:
        assert sum(threads.map(begin, range(20))) == 4


def test_quotas_count_the_prefix_and_the_whole(room: Room) -> None:
    uploads = room.uploads(size=100, per_prefix=3)
    for _ in range(3):
        uploads.refuse(uploads.begin(room.draft(), "OTHER", HERE))
    with pytest.raises(UploadQuotaFull):
        uploads.begin(room.draft(), "OTHER", HERE)
    uploads.begin(room.draft(), "OTHER", ELSEWHERE)
    for limits in ({"bytes_per_prefix": 399}, {"bytes_in_all": 399}):
        tight = room.uploads(size=100, **limits)
        with pytest.raises(UploadQuotaFull):
            tight.begin(room.draft(), "OTHER", ELSEWHERE)
        tight.begin(room.draft(), "OTHER", ELSEWHERE, announced=1)


def test_nothing_is_left_of_a_refused_file_and_of_one_that_never_came(room: Room) -> None:
    draft, uploads = room.draft(), room.uploads()
    slot = uploads.begin(draft, "OTHER", HERE)
    room.write(slot)
    uploads.refuse(slot)
    assert room.stored() == 0
    lost = uploads.begin(draft, "OTHER", HERE)
    room.write(lost)
    with room.pool.connection() as db:
        db.execute("UPDATE housekeeping.upload SET at = at - interval '2 hours'")
    uploads.expire(Cases(), room.destroy)
    assert room.stored() == 0
    assert uploads.keep(lost, "application/pdf", 1, 1, "00" * 32) is None


def test_a_file_taken_back_is_gone_at_once(room: Room) -> None:
    draft, uploads = room.draft(), room.uploads()
    upload = room.kept(draft)
    with pytest.raises(UploadUnknown):
        uploads.discard(room.draft(), upload.id)
    uploads.discard(draft, upload.id)
    assert (room.stored(), uploads.of(draft.id, draft.subject)) == (0, ())
    with pytest.raises(UploadUnknown):
        uploads.hold(draft, [upload.id])


def test_a_file_that_a_command_may_be_taking_stays_until_the_draft_ends(room: Room) -> None:
    draft, uploads = room.draft(), room.uploads()
    upload = room.kept(draft)
    uploads.hold(draft, [upload.id])
    uploads.discard(draft, upload.id)
    assert (room.stored(), uploads.of(draft.id, draft.subject)) == (2, ())
    room.days_pass(draft, 2)
    uploads.expire(Cases(), room.destroy)
    assert room.stored() == 0


def test_a_command_takes_only_files_of_its_own_draft(room: Room) -> None:
    draft, uploads = room.draft(), room.uploads()
    mine, second, foreign = room.kept(draft), room.kept(draft), room.kept(room.draft())
    assert uploads.hold(draft, [second.id, mine.id]) == (second, mine)
    for ids in ([foreign.id], [mine.id, uuid4()]):
        with pytest.raises(UploadUnknown):
            uploads.hold(draft, ids)


def test_an_unused_draft_ends_with_all_its_files(room: Room) -> None:
    old, young, uploads = room.draft(), room.draft(), room.uploads()
    room.kept(old)
    kept = room.kept(young)
    room.days_pass(old)
    assert uploads.expire(Cases(), room.destroy) == 1
    assert uploads.expire(Cases(), room.destroy) == 0
    assert room.stored() == 2
    assert uploads.of(young.id, young.subject) == (kept,)
    with pytest.raises(SubjectErased):
        room.keys.subject_key(old.subject)
    for late in (lambda: uploads.hold(old, []), lambda: uploads.begin(old, "OTHER", HERE)):
        with pytest.raises(DraftOver):
            late()


def test_what_was_begun_before_a_restore_is_left_alone(room: Room) -> None:
    """It may have been filed after the backup, in a ledger that is still to be found."""
    ended, uploads = room.draft(), room.uploads()
    upload = room.kept(ended)
    coming = uploads.begin(ended, "OTHER", HERE)
    room.write(coming)
    room.days_pass(ended)
    with room.pool.connection() as db:
        db.execute("UPDATE housekeeping.upload SET at = at - interval '2 hours'")
        [restored] = db.execute("SELECT now()").fetchone() or ()
    later = room.draft()
    room.kept(later)
    room.days_pass(later)
    assert uploads.expire(Cases(), room.destroy, restored) == 1
    assert (room.stored(), uploads.of(ended.id, ended.subject)) == (4, (upload,))
    assert room.keys.subject_key(ended.subject, fresh=True)
    assert room.drafts(in_all=1).open(ELSEWHERE), "what waits there to be cleared away is no draft that is open"
    assert uploads.expire(Cases(), room.destroy) == 1
    assert room.stored() == 0


def test_a_held_draft_outlives_its_day_and_what_a_case_holds_outlives_the_draft(room: Room) -> None:
    draft, uploads = room.draft(), room.uploads()
    filed, left_out = room.kept(draft), room.kept(draft)
    room.days_pass(draft)
    with room.pool.connection() as db:
        db.execute("UPDATE housekeeping.draft SET expires_at = now() + interval '1 minute'")
    uploads.hold(draft, [filed.id])
    with room.pool.connection() as db:
        db.execute("UPDATE housekeeping.draft SET expires_at = now() - interval '1 minute'")
    assert uploads.expire(Cases(), room.destroy) == 0
    room.days_pass(draft)
    assert uploads.expire(Cases(filed.file), room.destroy) == 1
    assert room.files.open(draft.subject, filed.file).content() == CONTENT
    assert room.files.open(draft.subject, original_of(filed.file)).content() == CONTENT
    for gone in (left_out.file, original_of(left_out.file)):
        with pytest.raises(FileMissing):
            room.files.open(draft.subject, gone)


def test_the_key_of_whoever_filed_or_adds_papers_outlives_the_draft(room: Room) -> None:
    filed, adding = room.draft(), room.drafts().open(HERE, subject=room.keys.mint(), case=uuid4())
    papers = room.drafts().find(adding.token)
    assert papers is not None
    upload = room.kept(filed)
    for each in (filed, papers):
        room.days_pass(each)
    assert room.uploads().expire(Cases(upload.file), room.destroy) == 2
    for subject in (filed.subject, papers.subject):
        assert room.keys.subject_key(subject).subject == subject


def test_a_key_that_could_not_be_destroyed_keeps_its_draft_for_the_next_round(room: Room) -> None:
    draft = room.draft()
    room.kept(draft)
    room.days_pass(draft)

    def refused(_: object) -> None:
        raise OSError("the register's disk is full")

    with pytest.raises(ExceptionGroup):
        room.uploads().expire(Cases(), refused)
    assert room.keys.subject_key(draft.subject, fresh=True).subject == draft.subject
    assert room.uploads().expire(Cases(), room.destroy) == 1
    with pytest.raises(SubjectErased):
        room.keys.subject_key(draft.subject)


def test_who_is_erased_has_no_draft_left_and_no_file_in_it(room: Room) -> None:
    """Also the file that is just coming: what is written after the draft ended is refused and goes, too."""
    draft, other, uploads = room.draft(), room.draft(), room.uploads()
    room.kept(draft)
    room.kept(other)
    coming = uploads.begin(draft, "OTHER", HERE)
    room.write(coming)
    room.destroy([draft.subject])
    uploads.forget([draft.subject])
    with pytest.raises(SubjectErased):
        uploads.keep(coming, "application/pdf", 1, 1, hashlib.sha256(CONTENT).hexdigest())
    uploads.refuse(coming)
    assert room.stored() == 2
    with pytest.raises(DraftOver):
        uploads.begin(draft, "OTHER", HERE)
    with room.pool.connection() as db:
        assert db.execute("SELECT id FROM housekeeping.draft").fetchall() == [(other.id,)]


def test_an_expiry_that_was_killed_is_finished_by_the_next(room: Room) -> None:
    draft, other = room.draft(), room.draft()
    upload = room.kept(draft)

    class Fails:
        def erase(self, file: UUID) -> None:
            raise ConnectionError

    for each in (draft, other):
        room.days_pass(each)
    with pytest.raises(ExceptionGroup) as failed:
        room.uploads(Fails()).expire(Cases(), room.destroy)
    assert [type(error) for error in failed.value.exceptions] == [ConnectionError]
    with room.pool.connection() as db:
        db.execute("UPDATE housekeeping.draft SET expires_at = now() + interval '1 hour'")
    with pytest.raises(DraftOver):
        room.uploads().hold(draft, [upload.id])
    assert room.uploads().expire(Cases(), room.destroy) == 1
    assert room.stored() == 0


def test_of_expiry_and_a_command_at_the_same_moment_one_comes_first(room: Room) -> None:
    uploads, outcomes = room.uploads(), set()
    for _ in range(25):
        draft = room.draft()
        upload = room.kept(draft)
        with room.pool.connection() as db:
            db.execute(
                "UPDATE housekeeping.draft SET expires_at = clock_timestamp() + interval '4 ms' WHERE id = %s",
                (draft.id,),
            )
        start = threading.Barrier(2)

        def command(draft=draft, upload=upload, start=start) -> bool:
            start.wait()
            try:
                return bool(uploads.hold(draft, [upload.id]))
            except Refusal:
                return False

        def expiry(start=start) -> None:
            start.wait()
            for _ in range(4):
                uploads.expire(Cases(), room.destroy)

        with ThreadPoolExecutor(2) as threads:
            held, _ = threads.submit(command), threads.submit(expiry)
        outcomes.add(held.result())
        if held.result():
            assert room.files.open(draft.subject, upload.file).content() == CONTENT
        else:
            uploads.expire(Cases(), room.destroy)
            with pytest.raises(FileMissing):
                room.files.open(draft.subject, upload.file)


def test_no_row_says_who_it_is_of(room: Room) -> None:
    drafts = room.drafts()
    opened = drafts.open(HERE)
    draft = drafts.find(opened.token)
    assert draft is not None
    drafts.confirm_email(draft.id, EMAIL)
    room.kept(draft)
    with room.pool.connection() as db:
        rows = db.execute("SELECT d::text, u::text FROM housekeeping.draft d, housekeeping.upload u").fetchall()
    told = str(rows).lower()
    digest = hashlib.sha256(CONTENT).hexdigest()
    for secret in (opened.token.partition(".")[2], EMAIL, HERE, digest):
        assert secret.lower() not in told
        assert secret.encode().hex() not in told
