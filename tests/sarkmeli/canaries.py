"""Words that nobody else would write, a client that puts them wherever a client can, and every secret it comes by."""

import itertools
import re

import httpx
from canary_schema import field_of, told_in

from sarkmeli.outside import OPERATIONS, Outside, Refused

LATIN, GEORGIAN = "Zvabqudok", "ჭღჯჟძფ"
DIGITS = "6789431"
CANARIES = (LATIN, GEORGIAN, DIGITS)
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
        self.places = set()
        self._count = itertools.count()

    def word(self, where, script="latin"):
        """A new word: the script's marker, which is what is looked for, and two letters that tell which it is."""
        number = next(self._count)
        base, first, width = (LATIN, "a", 26) if script == "latin" else (GEORGIAN, "ა", 33)
        word = base + "".join(chr(ord(first) + each) for each in divmod(number, width))
        self.words[word] = where
        return word

    def words_of(self, whose):
        return lambda where, script="latin": self.word(f"{whose}: {where}", script)

    def secret(self, name, value):
        """A secret that came by: it counts only if it is long enough not to be found by chance."""
        value = str(value)
        if len(value) >= 9:
            self.secrets[f"{name} #{len(self.secrets)}"] = value

    def wanted(self):
        """Everything to be looked for, by name."""
        known = {"a Latin canary": LATIN, "a Georgian canary": GEORGIAN, "a canary's digits": DIGITS}
        known |= {"an address": HERE, "the beginning of IPv6 addresses": THERE}
        return known | REGISTERED | self.secrets

    def named(self, around):
        """Which word a piece of bytes shows, if it shows it plainly."""
        text = around.decode(errors="replace").lower()
        return next((where for word, where in self.words.items() if word.lower() in text), "")


class Watching(Outside):
    """An outside client that keeps every secret it is given or gives, and says where it is in every header."""

    def __init__(self, told, *given):
        super().__init__(*given)
        self.told = told
        hooks = {"response": [self._keep]}
        self._http = httpx.Client(timeout=60, trust_env=False, event_hooks=hooks)
        self.headers = {
            "X-Forwarded-For": HERE,
            "User-Agent": told.word("User-Agent"),
            "Referer": f"http://localhost/{told.word('Referer')}",
            "X-Request-ID": told.word("X-Request-ID"),
        }
        self._http.headers.update(self.headers)

    def ask(self, operation, *, account=None, draft=None, **variables):
        answer = super().ask(operation, account=account, draft=draft, **variables)
        heard = told_in(field_of(operation), variables)
        self.told.places |= {place for place, text in heard if any(known in text for known in CANARIES)}
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
        elif isinstance(told, str) and name in SECRET_FIELDS and told:
            self.told.secret(name, told.rsplit("/", 1)[-1])
            if name in ("number", "code"):
                self.told.secret(name, re.sub(r"[ -]", "", told))
