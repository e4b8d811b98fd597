"""Words that nobody else would write, a client that puts them wherever a client can, and every secret it comes by."""

import itertools
import re
import secrets
import threading

import httpx
from canary_papers import slice_of
from canary_schema import field_of, told_in

from sarkmeli.outside import OPERATIONS, Outside, Refused

LATIN, GEORGIAN = "Zvabqudok", "ჭღჯჟძფ"
DIGITS = "6789431"
MARKERS = {"a Latin canary": LATIN, "a Georgian canary": GEORGIAN}
CANARIES = (LATIN, GEORGIAN, DIGITS)
LATIN_LETTERS = "abcdefghijklmnopqrstuvwxyz"
GEORGIAN_LETTERS = "".join(map(chr, range(ord("ა"), ord("ჰ") + 1)))
OWN_LETTERS = 7
"""How many letters of a word are its own: 26^7 words, so that none is another's beginning or found by chance."""
HERE, THERE = "203.0.113.77", "2001:db8:7a7a:"
REGISTERED = {
    "personal number": "01008012345",
    "the registry's document": "18IC40211",
    "the registry's surname": "მაისურაძე",
    "the registry's surname in Latin": "Maisuradze",
    "the registry's birth date": "1988-03-14",
    "an officer's surname": "ჩხეიძე",
}
"""What the sandbox's registry says of the person whose number one of the applicants gives, and who signs in."""

SECRET_FIELDS = frozenset({"token", "ticket", "document", "code", "number", "bankPage", "page", "cashReference"})


class Told:
    """Mints canaries, and keeps every other value that must stand nowhere in clear."""

    def __init__(self):
        self.words = {}
        self.secrets = {}
        self.codes = set()
        self.typed = set()
        """Numbers that are nobody else's, as they are typed: each is a secret in the form in which it is kept."""
        self.places = set()
        self.answers = set()
        """Every value that GraphQL ever answered."""
        self.applicants = itertools.count(1)
        self._count = itertools.count()
        self._names = {}
        self._lock = threading.Lock()

    def word(self, where, script="latin"):
        """A new word: the script's marker, which is what is looked for, and letters that tell which it is."""
        base, letters = (LATIN, LATIN_LETTERS) if script == "latin" else (GEORGIAN, GEORGIAN_LETTERS)
        word = base + "".join(secrets.choice(letters) for _ in range(OWN_LETTERS))
        assert word not in self.words
        self.words[word] = where
        return word

    def words_of(self, whose):
        return lambda where, script="latin": self.word(f"{whose}: {where}", script)

    def secret(self, name, value):
        """A secret that came by: it counts only if it is long enough not to be found by chance.

        What is known already is filed anew if it is said now whose it is.
        """
        value = str(value)
        if len(value) < 9:
            return
        with self._lock:
            known = self._names.get(value)
            if known is not None and ": " not in name:
                return
            self.secrets.pop(known, None)
            self._names[value] = f"{name} #{next(self._count)}"
            self.secrets[self._names[value]] = value

    def content(self, name, content):
        """A file that was sent or kept: some bytes of it that no other file holds."""
        piece = slice_of(content)
        assert ": " not in name or piece not in self.secrets.values(), "another's file would be taken for this"
        self.secrets[f"{name} #{next(self._count)}"] = piece

    def wanted(self):
        """Everything to be looked for, by name."""
        known = MARKERS | {"a canary's digits": DIGITS}
        known |= {"an address": HERE, "the beginning of IPv6 addresses": THERE}
        return known | REGISTERED | self.secrets

    def named(self, around):
        """Which word a piece of bytes shows, if it shows it plainly."""
        text = around.decode(errors="replace").lower()
        return next((where for word, where in self.words.items() if word.lower() in text), "")


class Watching(Outside):
    """An outside client that keeps every secret it is given or gives, and says where it is in every header."""

    def __init__(self, told, *given, whose="", here=HERE):
        super().__init__(*given)
        self.told = told
        word = told.words_of(whose) if whose else told.word
        hooks = {"response": [self._keep]}
        self._http = httpx.Client(timeout=60, trust_env=False, event_hooks=hooks)
        self.headers = {
            "X-Forwarded-For": here,
            "User-Agent": word("User-Agent"),
            "Accept-Language": f"{word('Accept-Language')}, ka;q=0.5",
            "Referer": f"http://localhost/{word('Referer')}",
            "X-Request-ID": word("X-Request-ID"),
            "X-Correlation-ID": word("X-Correlation-ID"),
            "traceparent": f"00-{word('traceparent')}-01",
        }
        self._http.headers.update(self.headers)

    def ask(self, operation, *, account=None, draft=None, **variables):
        answer = super().ask(operation, account=account, draft=draft, **variables)
        heard = told_in(field_of(operation), variables)
        ours = (*CANARIES, *self.told.typed)
        self.told.places |= {place for place, text in heard if any(known in text for known in ours)}
        self._gather(answer)
        for token in self._tokens.values():
            self.told.secrets[f"{token[:10]} a staff token"] = token.rsplit(".", 1)[1]
        return answer

    def refused(self, operation, *, account=None, draft=None, **variables):
        """Ask once what must be refused; the refusal's code, empty if the request itself does not fit the schema."""
        bearer = draft if account is None else self._token(account)
        query = (OPERATIONS / f"{operation}.graphql").read_text()
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        answer = self.raw("POST", "/graphql", json={"query": query, "variables": variables}, headers=headers)
        if answer.status_code == 400:
            return ""
        (told,) = answer.json()["data"].values()
        assert "message" in told, (operation, told)
        return told["code"]

    def when(self, code, ask):
        """What ``ask`` gives, asked again while the read models are a moment behind and it is refused with ``code``."""

        def again():
            try:
                return ask()
            except Refused as refused:
                if refused.code != code:
                    raise
                raise OSError(code) from refused

        return self.patiently(again)

    def raw(self, method, path, **request):
        """Any request; it must be answered, and not by a failure of ours."""
        answer = self.send(method, path, **request)
        assert answer.status_code < 500, (method, path, answer.status_code, answer.text)
        return answer

    def send(self, method, path, **request):
        """Any request to the office; its answer."""
        return self._http.request(method, f"{self.url}{path}", **request)

    def sandbox_told(self, path, **body):
        self._http.post(f"{self.sandbox}{path}", json=body).raise_for_status()

    def pay_in(self, reference, payer, amount):
        form = {"reference": reference, "payer": payer, "amount": amount}
        paid = self._http.post(f"{self.sandbox}/bank/cash", data=form).raise_for_status()
        return paid.headers["x-transaction-id"]

    def kinds_mailed(self, to):
        return [mail["message_id"] for mail in self.mails(to)]

    def _keep(self, response):
        if not str(response.url).startswith(self.url):
            return
        for cookie in response.headers.get_list("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.told.secret(f"cookie {name}", value.strip('"'))
        place = httpx.URL(response.headers.get("location", ""))
        for name, value in place.params.multi_items():
            if name in ("state", "nonce", "code_challenge", "code"):
                self.told.secret(name, value)
        if "/bank/pay/" in place.path:
            self.told.secret("the bank's page", place.path.rsplit("/", 1)[1])

    def _gather(self, told, name=""):
        if isinstance(told, dict):
            for name, value in told.items():
                self._gather(value, name)
        elif isinstance(told, list):
            for value in told:
                self._gather(value, name)
        elif told is not None and not isinstance(told, bool):
            self.told.answers.add(str(told))
        if isinstance(told, str) and name in SECRET_FIELDS and told:
            self.told.secret(name, told.rsplit("/", 1)[-1])
            if name in ("number", "code"):
                self.told.secret(name, re.sub(r"[ -]", "", told))
