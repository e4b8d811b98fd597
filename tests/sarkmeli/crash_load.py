"""People at work while things break: applicants and staff whose programs send again what was not answered, and who keep
a journal of every command that was acknowledged."""

import threading
from collections import Counter
from uuid import UUID

from settling import MAILED, THE_CASES_OWN, events_of, settled, verified

from sarkmeli.outside import AWAY, Outside, Refused
from sarkmeli.story import Story

RECORDED = {
    "RegisterApplication": "compatriot.Application.Registered",
    "EnterBar": "videobar.Call.Requested",
    "ClaimNextCall": "videobar.Call.Claimed",
    "RecordChecks": "videobar.Call.ChecksRecorded",
    "Verify": "compatriot.Application.VideoVerified",
    "StartReview": "compatriot.Application.ReviewStarted",
    "RequestInformation": "compatriot.Application.InformationRequested",
    "ProvideInformation": "compatriot.Application.InformationProvided",
    "PrepareConclusion": "compatriot.Application.ConclusionPrepared",
    "Decide": "compatriot.Application.Decided",
    "ReceiveDecision": "compatriot.Application.DecisionDelivered",
}
"""What each operation that was acknowledged must have left in the ledger, once."""

BEGIN_ANEW = {"TOO_MANY_CODES", "ONE_TIME_CODE_WRONG", "TOO_MANY_DRAFTS"}
"""What somebody whose draft met too many kills is told before anything was filed: they begin another draft."""


class Journal:
    """What clients know: acknowledged commands with what they answered, sent ones, and how often nobody answered."""

    def __init__(self):
        self._changed = threading.Condition()
        self.acknowledged = {}
        self.sent = {}
        self.unanswered = 0
        self.statuses = Counter()
        self.finished = []
        self.abandoned = 0
        self.failed = []

    def note(self, what, *arguments):
        """Change something; whoever waits looks again."""
        with self._changed:
            what(*arguments)
            self._changed.notify_all()

    def wait_for_more(self, than, patience=180):
        """Until more commands are acknowledged than so many, or a client has failed."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.acknowledged) > than or self.failed, patience), (
                f"nothing was acknowledged for {patience} s"
            )
            assert not self.failed, self.failed


class Keeping(Outside):
    """A client that keeps the journal, and counts the statuses that the office answers with."""

    def __init__(self, office, journal):
        made = office.outside(patience=180)
        super().__init__(made.url, made.sandbox, made._credentials, made.patience)
        made.close()
        self.journal = journal
        self._http.event_hooks["response"].append(self._count)

    def _count(self, answer):
        if str(answer.url).startswith(self.url):
            self.journal.statuses[answer.status_code] += 1
            if answer.status_code >= 500:
                self.journal.note(self._unanswered)

    def patiently(self, ask):
        def counted():
            try:
                return ask()
            except AWAY:
                self.journal.note(self._unanswered)
                raise

        return super().patiently(counted)

    def _unanswered(self):
        self.journal.unanswered += 1

    def ask(self, operation, *, account=None, draft=None, **variables):
        command = (variables.get("input") or {}).get("commandId")
        kept = operation in RECORDED and command is not None
        if kept:
            self.journal.sent[UUID(command)] = operation
        told = super().ask(operation, account=account, draft=draft, **variables)
        if kept:
            self.journal.note(self.journal.acknowledged.__setitem__, UUID(command), (operation, told))
        return told


class Load:
    """So many clients, each living through one application after the other until told to stop."""

    def __init__(self, office, clients):
        self.office = office
        self.journal = Journal()
        self._bar = threading.Lock()
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._live, name=f"client {n}") for n in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self.journal

    def __exit__(self, *_):
        """Everybody comes to the end of their application."""
        self._enough.set()
        for thread in self._threads:
            thread.join(600)
            assert not thread.is_alive()

    def _live(self):
        outside = Keeping(self.office, self.journal)
        try:
            while not self._enough.is_set():
                self._apply(Story(outside, language="KA"))
        except BaseException as error:
            self.journal.note(self.journal.failed.append, f"{type(error).__name__}: {error}")
            raise
        finally:
            outside.close()

    def _apply(self, story):
        steps = {step.name: step for step in story.steps()}
        names = list(steps)
        bar = names[names.index("the applicant enters the bar") : names.index("the operator verifies") + 1]
        try:
            for name in names[: names.index("the form is filed") + 1]:
                steps[name].do()
        except Refused as refused:
            if refused.code not in BEGIN_ANEW:
                raise
            self.journal.abandoned += 1
            return
        for name in names[names.index("the form is filed") + 1 : names.index(bar[0])]:
            steps[name].do()
        with self._bar:  # one operator, who takes whoever waits longest
            for name in bar:
                steps[name].do()
        for name in names[names.index(bar[-1]) + 1 :]:
            steps[name].do()
        self.journal.note(self.journal.finished.append, story)


def judged(journal, counted):
    """Lost and doubled commands, by the journal and by the ledger: both must be empty."""
    lost, doubled = [], []
    for command, operation in journal.sent.items():
        found = counted[command, RECORDED[operation]]
        if found == 0 and command in journal.acknowledged:
            lost.append((operation, command))
        if found > 1:
            doubled.append((operation, command))
    return lost, doubled


def told(journal, kills, seed):
    """One line for the test's end."""
    by_operation = Counter(operation for operation, _ in journal.acknowledged.values())
    return (
        f"{sum(kills.values())} kills {dict(kills)}, seed {seed}; {len(journal.acknowledged)} commands acknowledged "
        f"{dict(by_operation)}, {journal.unanswered} times no answer, {len(journal.finished)} cases to their end, "
        f"{journal.abandoned} drafts abandoned"
    )


def judge(office, journal):
    """Everybody came to their end, and nothing of it is lost, doubled or torn; the office is stopped."""
    assert not journal.failed
    settled(office)
    events, stories = events_of(office)
    assert judged(journal, events) == ([], [])
    assert journal.finished
    outside = office.outside()
    for story in journal.finished:
        assert story.events == THE_CASES_OWN
        assert (story.status, story.outcome) == ("DELIVERED", "GRANTED")
        mails = [mail["message_id"] for mail in outside.mails(story.email) if "code" not in mail["message_id"]]
        assert sorted({each.split(".")[2].split("@")[0] for each in mails}) == sorted(MAILED)
        assert len(set(mails)) == len(MAILED), "a mail that was sent again is the same mail"
    outside.close()
    for events_of_case in stories.values():
        assert len(set(events_of_case)) == len(events_of_case)
    topics = Counter()
    for (_, topic), count in events.items():
        topics[topic] += count
    assert topics["payments.Payment.Succeeded"] == topics["compatriot.Application.Paid"]
    verified(office)
    assert office.stop() == 0
