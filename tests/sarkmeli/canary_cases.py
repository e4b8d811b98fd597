"""Many applicants at once, each with canaries of their own in every field, file, header and mistake."""

import contextlib
import itertools
import json
import random
import uuid
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass

from canaries import DIGITS, Watching
from canary_applicant import Applicant
from canary_papers import acting, photograph
from canary_story import Stories
from canary_taxpayer import Registrations

from sarkmeli.neighbours import sandbox_credentials
from sarkmeli.outside import OPERATIONS
from sarkmeli.story import CARD, OPERATOR

PLOTS = ("decided", "refused_reception", "withdrawn", "refused_activation")
TOO_LARGE = 10 * 1024 * 1024 + 1
"""Bytes: one more than an upload may have."""


@dataclass(frozen=True)
class Told:
    """A case whose story was told: ``name`` is what its canaries are filed under."""

    name: str
    plot: str
    one: Applicant


class Cases:
    """Tells as many stories as are asked for, a few at a time, through the office's door and nothing else."""

    def __init__(self, office, told):
        self.office, self.told = office, told

    def tell(self, count, at_once=4):
        """The cases, in order; every plot comes up."""
        with ThreadPoolExecutor(at_once) as threads:
            stories = [threads.submit(self.case, index) for index in range(count)]
            for story in wait(stories, return_when=FIRST_EXCEPTION).not_done:
                story.cancel()
        for failed in (story for story in stories if not story.cancelled() and story.exception()):
            failed.result()
        return [story.result() for story in stories]

    def case(self, index):
        name, plot = f"case {index:03}", PLOTS[index % len(PLOTS)]
        with contextlib.closing(self.client(name, index)) as outside:
            self.mistakes(outside, name, large=index % 10 == 0)
            one = getattr(self, plot)(Stories(outside, self.told, name))
            self.wrong_tries(outside, one)
            assert one.status()["number"].replace(" ", "") == one.number.replace(" ", "")
        return Told(name, plot, one)

    def client(self, name, index):
        """One that speaks from an address of its own, which is a canary too."""
        given = (self.office.url, self.office.sandbox, sandbox_credentials(self.office.folder), 120.0)
        here = (
            f"2001:db8:{0x7B00 + index:x}:{random.randrange(0x1000, 0x10000):x}::{random.randrange(0x1000, 0x10000):x}"
        )
        self.told.secret(f"{name}: address", here)
        return Watching(self.told, *given, whose=name, here=here)

    @staticmethod
    def decided(stories):
        """Paid by card, seen by the operator, asked for more, decided, received."""
        outside, words = stories.outside, stories.told.words_of(stories.whose)
        one = Applicant(outside, stories.whose).files()
        outside.pay_by_card(one.page, CARD, f"{words('card holder')} {words('card holder', 'georgian')}")
        outside.mail(one.email, "paid")
        check = {"source": "UPLOADED_DOCUMENT", "verdict": "MATCHES"}
        kinds = ("surname", "firstName", "documentValidity", "citizenship", "picture")
        checks = dict.fromkeys(kinds, check) | {"visualContact": True}
        with stories.bar:
            one.enters_bar()
            one.meets()
            will = f"{words('will')} {words('will', 'georgian')}"
            one.as_(OPERATOR, "RecordChecks", call=one.call, checks=checks, will=will)
            one.as_(OPERATOR, "Verify", call=one.call)
        stories.reviewed(one, words)
        return one

    @staticmethod
    def refused_reception(stories):
        return stories.refused_reception()

    @staticmethod
    def withdrawn(stories):
        return stories.withdrawn()

    @staticmethod
    def refused_activation(stories):
        return Registrations(stories.outside, stories.told).refused(stories.whose)

    def mistakes(self, outside, name, *, large):
        """What is refused before there is a case: a form with faults, files, bodies."""
        words = self.told.words_of(f"{name}: refused")
        draft = outside.ask("OpenDraft", input={"bearer": True})["token"]
        header = {"Authorization": f"Bearer {draft}"}
        wrong = f"{DIGITS}6{next(self.told.applicants):05}"
        self.told.secret(f"{name}: refused: telephone", f"0{wrong}")
        form = Applicant(outside, f"{name}: refused").form | {
            "nameKa": {"first": words("Latin in a Georgian name"), "last": ""},
            "nameLatin": {"first": words("Georgian in a Latin name", "georgian"), "last": words("long name") * 50},
            "personalNumber": f"{DIGITS}{words('personal number')}",
            "telephone": f"0{wrong}",
            "email": f"{words('no address')} at home",
        }
        asked = {"form": form, "documents": [], "consents": [{"kind": "NEWS", "version": words("version")}]}
        assert outside.refused("RegisterApplication", draft=draft, input=asked) == "FORM_REFUSED"
        files = [
            ("IDENTITY", acting(words)),
            ("OTHER", f"{words('text')} {words('text', 'georgian')}".encode()),
            ("PHOTOGRAPH", photograph(random.random(), words)[:5000]),
        ]
        if large:
            word = words("file too large").encode()
            files.append(("OTHER", word * (TOO_LARGE // len(word) + 1)))
        for kind, content in files:
            file = (f"{words('name of a file')}.pdf", content, "application/pdf")
            answer = outside.raw("POST", "/uploads", data={"kind": kind}, files={"file": file}, headers=header)
            assert answer.status_code >= 400, kind
        for content in (
            f'{{"query": "{words("body cut off")}'.encode(),
            b"\xff" + words("body that is no text").encode(),
            json.dumps({"query": words("body too large") * 40_000}).encode(),
            json.dumps({"query": f"{{ {words('body that is no question')} }}"}).encode(),
        ):
            typed = {"Content-Type": "application/json"}
            assert outside.raw("POST", "/graphql", content=content, headers=typed).status_code in (200, 400, 413)

    def wrong_tries(self, outside, one):
        """What is refused to whoever tries a number or a code."""
        words = self.told.words_of(f"{one.name}: refused")
        tries = itertools.product((one.number, words("wrong number")), (words("wrong code"), str(uuid.uuid4())))
        for number, code in tries:
            body = {
                "query": (OPERATIONS / "Status.graphql").read_text(),
                "variables": {"number": number, "code": code},
            }
            answer = outside.raw("POST", "/graphql", json=body).json()
            assert answer["data"]["status"]["code"] == "WRONG_NUMBER_OR_CODE", answer
