"""People at work while things break: applicants and staff whose programs send again what was not answered, and who keep
a journal of every command that was acknowledged."""

import itertools
import threading
from collections import Counter
from uuid import UUID

from settling import ended_well, events_of, settled, told_once, verified

from sarkmeli.outside import AWAY, Outside, Refused
from sarkmeli.story import Story
from sarkmeli.taxpayer_story import TaxpayerStory

RECORDED = {
    "RegisterApplication": ["compatriot.Application.Registered"],
    "EnterBar": ["videobar.Call.Requested"],
    "ClaimNextCall": ["videobar.Call.Claimed"],
    "RecordChecks": ["videobar.Call.ChecksRecorded"],
    "Verify": ["compatriot.Application.VideoVerified", "taxpayer.Registration.VideoVerified"],
    "StartReview": ["compatriot.Application.ReviewStarted"],
    "RequestInformation": ["compatriot.Application.InformationRequested"],
    "ProvideInformation": ["compatriot.Application.InformationProvided"],
    "PrepareConclusion": ["compatriot.Application.ConclusionPrepared"],
    "Decide": ["compatriot.Application.Decided"],
    "ReceiveDecision": ["compatriot.Application.DecisionDelivered"],
    "RegisterTaxpayer": ["taxpayer.Registration.Registered"],
    "ClarifyUsername": ["taxpayer.Registration.UsernameClarified"],
    "ChangePassword": ["taxpayer.Registration.PasswordChanged"],
}
"""What each operation that was acknowledged must have left in the ledger, once: of one service or the other."""

STORIES = (Story, TaxpayerStory)
"""The services, which the clients live through by turns."""

BARS = {
    Story: ("the applicant enters the bar", "the operator verifies"),
    TaxpayerStory: ("the taxpayer enters the bar", "the consultant activates"),
}
"""The first and the last step at each service's bar."""

BEGIN_ANEW = {"TOO_MANY_CODES", "ONE_TIME_CODE_WRONG", "TOO_MANY_DRAFTS"}
"""What somebody whose draft met too many kills is told before anything was filed: they begin another draft."""


PROXY = {"SARKMELI_TRUSTED_PROXIES": '["127.0.0.1/32", "::1/128"]'}
"""The office's setting by which it believes where each of these people is."""

places = itertools.count(1)


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

    def move(self):
        """Somebody else sits here now, at an address of their own: a stranger's tries are not theirs."""
        place = next(places)
        self._http.headers["X-Forwarded-For"] = f"203.0.{place >> 8 & 255}.{place & 255}"

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
        try:
            told = super().ask(operation, account=account, draft=draft, **variables)
        except Refused as refused:
            if refused.code != "TOO_MANY_TRIES":  # a try counts before it is verified, and those that were killed stay
                raise
            self.move()
            told = super().ask(operation, account=account, draft=draft, **variables)
        if kept:
            self.journal.note(self.journal.acknowledged.__setitem__, UUID(command), (operation, told))
        return told


class Load:
    """So many clients, each living through one case after the other until told to stop; each of them at one service."""

    def __init__(self, office, clients):
        self.office = office
        self.journal = Journal()
        self._bars = {service: threading.Lock() for service in STORIES}
        self._enough = threading.Event()
        self._threads = [
            threading.Thread(target=self._live, args=(STORIES[n % len(STORIES)],), name=f"client {n}")
            for n in range(clients)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self.journal

    def __exit__(self, *_):
        """Everybody comes to the end of their case."""
        self._enough.set()
        for thread in self._threads:
            thread.join(600)
            assert not thread.is_alive()

    def _live(self, service):
        outside = Keeping(self.office, self.journal)
        try:
            finished = False
            while not (finished and self._enough.is_set()):
                outside.move()
                finished |= self._apply(service(outside, language="KA"))
        except BaseException as error:
            self.journal.note(self.journal.failed.append, f"{type(error).__name__}: {error}")
            raise
        finally:
            outside.close()

    def _apply(self, story):
        """Live through a story; whether it came to its end."""
        steps = {step.name: step for step in story.steps()}
        names = list(steps)
        entering, leaving = BARS[type(story)]
        bar = names[names.index(entering) : names.index(leaving) + 1]
        try:
            for name in names[: names.index("the form is filed") + 1]:
                steps[name].do()
        except Refused as refused:
            if refused.code not in BEGIN_ANEW:
                raise
            self.journal.abandoned += 1
            return False
        for name in names[names.index("the form is filed") + 1 : names.index(bar[0])]:
            steps[name].do()
        with self._bars[type(story)]:  # one operator, who takes whoever waits longest
            for name in bar:
                steps[name].do()
        for name in names[names.index(bar[-1]) + 1 :]:
            steps[name].do()
        self.journal.note(self.journal.finished.append, story)
        return True


def judged(journal, counted):
    """Lost and doubled commands, by the journal and by the ledger: both must be empty."""
    lost, doubled = [], []
    for command, operation in journal.sent.items():
        found = sum(counted[command, topic] for topic in RECORDED[operation])
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
    assert {type(story) for story in journal.finished} == set(STORIES)
    outside = office.outside()
    for story in journal.finished:
        story.outside = outside
        ended_well(story)
    outside.close()
    for topics_of_case in stories.values():
        assert told_once(topics_of_case)
    topics = Counter()
    for (_, topic), count in events.items():
        topics[topic] += count
    assert topics["payments.Payment.Succeeded"] == topics["compatriot.Application.Paid"]
    assert topics["taxpayer.Username.Reserved"] == topics["taxpayer.Registration.Registered"]
    verified(office)
    assert office.stop() == 0
