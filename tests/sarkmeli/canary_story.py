"""Three applicants' stories in which every field and file holds a word that nobody else would write."""

import threading

import httpx
from canaries import DIGITS, REGISTERED
from canary_applicant import Applicant
from canary_papers import letter, photograph

from sarkmeli.outside import OPERATIONS
from sarkmeli.story import AUDITOR, CARD, CHIEF, OFFICER, OPERATOR


class Stories:
    """What happens to three applicants, and everything that is refused on the way.

    ``whose``: what each applicant's words are filed under, if not under what happens to them.
    """

    bar = threading.Lock()
    """One operator: whoever tells several stories at once lets one applicant into the bar after the other."""

    def __init__(self, outside, told, whose=""):
        self.outside, self.told, self.whose = outside, told, whose

    def tell(self):
        """The applicant who was decided upon."""
        one = self.decided()
        self.refused_reception()
        self.withdrawn()
        self.signed_in_by_browser()
        return one

    def decided(self):
        """Paid by card, seen, asked, decided; with neighbours that stumble on the way."""
        outside, words = self.outside, self.told.words_of("decided")
        one = Applicant(outside, "decided", personal_number=REGISTERED["personal number"]).files()
        outside.sandbox_told("/bank/behaviour", mode="failing", times=2)
        outside.sandbox_told("/mailbox/behaviour", mode="busy", times=1)
        outside.pay_by_card(one.page, CARD, f"{words('card holder')} {words('card holder', 'georgian')}")
        outside.mail(one.email, "paid")
        one.enters_bar()
        one.meets()
        one.as_(OPERATOR, "BreakOffCall", call=one.call, reason="LINE_LOST")
        one.meets()
        for mode in ("failing", "wrong", "ok"):
            outside.sandbox_told("/registry/behaviour", mode=mode)
            outside.ask("Call", account=OPERATOR, id=one.call)
        long = {"call": one.call, "checks": {"visualContact": True}, "will": words("will too long") * 1000}
        assert outside.refused("RecordChecks", account=OPERATOR, input=long) == "WORDS_TOO_LONG"
        check = {"source": "CIVIL_REGISTRY", "verdict": "MATCHES"}
        kinds = ("surname", "firstName", "documentValidity", "citizenship", "picture")
        checks = dict.fromkeys(kinds, check) | {"visualContact": True}
        will = f"{words('will')} {words('will', 'georgian')}"
        one.as_(OPERATOR, "RecordChecks", call=one.call, checks=checks, will=will)
        one.as_(OPERATOR, "Verify", call=one.call)
        self.reviewed(one, words)
        return one

    def reviewed(self, one, words):
        outside = self.outside
        one.as_(OFFICER, "StartReview", case=one.case)
        draft = one.as_(OFFICER, "OpenCaseDraft", case=one.case)["token"]
        paper = one.upload("OTHER", letter(words), "application/pdf", draft)
        one.as_(OFFICER, "AttachDocument", case=one.case, draft=draft, document=paper)
        too_long = {"case": one.case, "text": words("question too long", "georgian") * 1500}
        assert outside.refused("RequestInformation", account=OFFICER, input=too_long) == "FORM_REFUSED"
        asked = f"{words('question')}\n{words('question', 'georgian')}"
        one.as_(OFFICER, "RequestInformation", case=one.case, text=asked)
        outside.mail(one.email, "information_requested")
        papers = one.asks("OpenPapersDraft", bearer=True)["token"]
        paper = one.upload("INFORMATION", photograph(f"{one.place}, answer", words), "image/jpeg", papers)
        answer = f"{words('answer')} {words('answer', 'georgian')}"
        one.asks("ProvideInformation", text=answer, documents=[paper], draft=papers)
        one.as_(CHIEF, "ExtendTerm", case=one.case, days=3, reasons=words("reasons to extend", "georgian"))
        text = f"{words('conclusion')} {words('conclusion', 'georgian')}"
        one.as_(OFFICER, "PrepareConclusion", case=one.case, text=text, recommends="REFUSED")
        hidden = {"case": one.case, "outcome": "REFUSED", "reasons": words("hidden signs") + "\u202e"}
        assert outside.refused("Decide", account=CHIEF, input=hidden) == "FORM_REFUSED"
        reasons = f"{words('reasons of the decision')} {words('reasons of the decision', 'georgian')}"
        decided = one.as_(CHIEF, "Decide", case=one.case, outcome="REFUSED", reasons=reasons)
        outside.mail(one.email, "decision_ready")
        received = one.asks("ReceiveDecision")
        outside.download("/documents", ticket=received["document"])
        file = outside.when("NOT_YET", lambda: one.status(decided["token"]))
        for document in file["documents"]:
            kept = outside.download("/documents", ticket=document["ticket"])
            self.told.content("kept file", kept)
        outside.ask("Case", account=OFFICER, id=one.case)
        outside.ask("OfficerCases", account=CHIEF, first=10)
        outside.ask("CaseEvents", account=AUDITOR, number=one.number)

    def refused_reception(self):
        """Pays in cash with words for a reference, is refused reception, and the money goes back."""
        whose = self.whose or "refused reception"
        outside, words = self.outside, self.told.words_of(whose)
        one = Applicant(outside, whose, language="EN", channel="CASH").files()
        purpose = f"{words('purpose of cash')} {words('purpose of cash', 'georgian')} {DIGITS}"
        transaction = outside.pay_in(purpose, f"{words('payer')} {words('payer', 'georgian')}", "50.00")
        payment = self.in_suspense(transaction)
        reasons = f"{words('reasons of a cashier')} {words('reasons of a cashier', 'georgian')}"
        unknown = {"payment": payment, "caseNumber": words("case number of a cashier"), "reasons": reasons}
        assert outside.refused("MatchPayment", account="cashier", input=unknown) == "NUMBER_UNKNOWN"
        one.as_("cashier", "MatchPayment", payment=payment, caseNumber=one.number, reasons=reasons)
        outside.mail(one.email, "paid")
        with self.bar:
            one.enters_bar()
            one.meets()
            checks = {"visualContact": True, "surname": {"source": "UPLOADED_DOCUMENT", "verdict": "DIFFERS"}}
            one.as_(OPERATOR, "RecordChecks", call=one.call, checks=checks, will=words("will of the refused"))
            reasons = f"{words('reasons to refuse')} {words('reasons to refuse', 'georgian')}"
            refused = {"call": one.call, "ground": "IDENTITY_DOUBT", "reasons": reasons}
            one.as_(OPERATOR, "RefuseReception", **refused)
        outside.mail(one.email, "reception_refused")
        outside.ask("RefundsDue", account="cashier", first=10)
        one.as_("cashier", "OrderRefund", payment=payment)
        outside.mail(one.email, "refunded")
        return one

    def in_suspense(self, transaction):
        def look():
            nodes = [edge["node"] for edge in self.outside.ask("Suspense", account="cashier", first=50)["edges"]]
            found = [node for node in nodes if node and node["transaction"] == transaction]
            if not found:
                raise OSError("not there yet")
            return found[0]["payment"] if "payment" in found[0] else found[0]["id"]

        return self.outside.patiently(look)

    def withdrawn(self):
        """Has the code sent again, replaced, and withdraws."""
        whose = self.whose or "withdrawn"
        outside, words = self.outside, self.told.words_of(whose)
        one = Applicant(
            outside, whose, personal_number=f"{DIGITS}9{next(self.told.applicants):03}", language="EN"
        ).files()
        with self.bar:
            one.enters_bar()
            one.asks("LeaveBar")
        one.asks("GiveConsent", consent={"kind": "NEWS", "version": "v1"})
        outdated = one.held(consent={"kind": "NEWS", "version": words("version of a consent")})
        outside.refused("GiveConsent", input=outdated)
        one.asks("WithdrawConsent", kind="NEWS")
        outside.ask("ResendCode", input={"number": one.number, "email": one.email})
        outside.ask("ResendCode", input={"number": one.number, "email": f"{words('another address')}@other.example"})
        outside.mail(one.email, "resend")
        one.asks("ReissueCode")
        one.read_code(outside.mail(one.email, "code_reissued"))
        one.asks("RequestOneTimeCode")
        code = one.one_time(outside.mail(one.email, "one_time_code"))
        wrong = one.held(oneTimeCode=words("wrong one-time code"))
        assert outside.refused("Withdraw", input=wrong) == "ONE_TIME_CODE_WRONG"
        one.asks("Withdraw", oneTimeCode=code)
        outside.mail(one.email, "withdrawn")
        return one

    def signed_in_by_browser(self):
        """A member of staff signs in with a browser, looks around and signs out."""
        words = self.told.words_of("sign-in")
        there = self.outside.raw("GET", f"/sign-in?return=/{words('path to return to')}")
        provider = httpx.URL(there.headers["location"])
        chosen = httpx.post(str(provider.copy_with(query=None)), data={**dict(provider.params), "account": OFFICER})
        assert chosen.status_code == 303
        back = httpx.URL(chosen.headers["location"])
        for name, value in back.params.multi_items():
            if name in ("state", "code"):
                self.told.secret(name, value)
        cookies = {cookie.name: cookie.value for cookie in there.cookies.jar}
        header = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        signed_in = self.outside.raw("GET", f"{back.path}?{back.query.decode()}", headers=header)
        assert signed_in.status_code == 200, signed_in.text
        session = {cookie.name: cookie.value for cookie in signed_in.cookies.jar}["__Host-session"]
        self.told.secret("session", session)
        ours = {"Cookie": f"__Host-session={session}", "Origin": self.outside.url, "X-Sarkmeli": "1"}
        query = (OPERATIONS / "Me.graphql").read_text()
        me = self.outside.raw("POST", "/graphql", json={"query": query}, headers=ours)
        assert me.json()["data"]["me"]["staff"]["account"] == OFFICER, me.text
        assert self.outside.raw("POST", "/sign-out", headers=ours).status_code == 204
