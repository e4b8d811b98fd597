"""The office does a command once, decides again when it lost a race, and gives up in words when it always loses."""

from __future__ import annotations

import pytest
from story import Story, code_reissued, consented, days_pass, filed, paid, seen

from domain.consents import ConsentKind
from domain.office import CONFLICT_RETRIES, TooBusy, UnknownCase


def test_who_lost_a_race_decides_again_on_what_the_case_now_is() -> None:
    story = Story().given(filed, seen)
    story.office.ledger.before_next_append = lambda: code_reissued(story)
    story.when(paid).then("CodeReissued", "Paid")


def test_who_always_loses_is_told_so_and_nothing_is_stored() -> None:
    story = Story().given(filed)
    ledger = story.office.ledger

    def rival() -> None:
        code_reissued(story)
        ledger.before_next_append = rival

    ledger.before_next_append = rival
    with pytest.raises(TooBusy):
        consented(ConsentKind.NEWS)(story)
    ledger.before_next_append = None
    assert story.office.story(story.case).count("CodeReissued") == CONFLICT_RETRIES
    assert story.office.story(story.case).count("ConsentGiven") == 1


def test_the_same_command_that_came_in_between_is_answered_with_what_it_did() -> None:
    story = Story().given(filed)
    act = story.act(story.holder)
    story.office.ledger.before_next_append = lambda: story.commands.reissue_code(act, case=story.case)
    receipt = story.commands.reissue_code(act, case=story.case)
    assert story.office.story(story.case).count("CodeReissued") == 1
    assert receipt.version == story.application.version
    story.given(days_pass(1))
    assert story.commands.reissue_code(act, case=story.case) == receipt


def test_a_stream_that_never_was_is_no_case() -> None:
    story = Story()
    story.case = story.subjects.mint()
    story.when(code_reissued).refused(UnknownCase)
