"""Who comes in by the provider, and which tokens let nobody in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from neighbours import Sandbox, Service

from domain.people import Role
from gateways import sign_in_keys
from gateways.neighbour import Patience
from gateways.sign_in import ProviderSettings, RelyingParty, SignInRefused, SignInUnavailable, verifier

PATIENT = Patience(connect=10.0, answer=10.0, in_all=20.0, tries=3, trips_after=100)


def relying_party(sandbox: Sandbox, **changes: Any) -> RelyingParty:
    known = {
        "issuer": f"{sandbox.url}/oidc",
        "client_id": sandbox.secrets["oidc_client_id"],
        "client_secret": sandbox.secrets["oidc_client_secret"],
        "redirect_uri": f"{sandbox.service_url}/sign-in/callback",
        "audience": "sarkmeli",
        **changes,
    }
    return RelyingParty(ProviderSettings(**known), PATIENT)


@pytest.fixture
def party(shared_sandbox: Sandbox) -> Iterator[RelyingParty]:
    opened = relying_party(shared_sandbox)
    yield opened
    opened.close()


def come_back(sandbox: Sandbox, url: str, account: str) -> str:
    """Choose an account on the provider's page; the code with which the browser comes back."""
    assert account in sandbox.ask("GET", url).text
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    back = sandbox.ask("POST", url.partition("?")[0], data={**asked, "account": account})
    told = parse_qs(urlsplit(back.headers["location"]).query)
    assert told["state"] == [asked["state"]]
    return told["code"][0]


def test_an_officer_signs_in_by_browser(party: RelyingParty, shared_sandbox: Sandbox) -> None:
    secret = verifier()
    code = come_back(shared_sandbox, party.begin("state-1", "nonce-1", secret), "officer-1")
    known = party.redeem(code, secret, "nonce-1")

    assert (known.person, known.account, known.name) == ("person-1003", "officer-1", "მაია ჩხეიძე")
    assert known.roles == {Role.OFFICER}
    with pytest.raises(SignInRefused):
        party.redeem(code, secret, "nonce-1")


def test_a_code_is_for_the_browser_that_asked(party: RelyingParty, shared_sandbox: Sandbox) -> None:
    secret = verifier()
    with pytest.raises(SignInRefused, match="nonce"):
        party.redeem(come_back(shared_sandbox, party.begin("s", "nonce-1", secret), "chief"), secret, "nonce-2")
    with pytest.raises(SignInRefused):
        party.redeem(come_back(shared_sandbox, party.begin("s", "nonce-1", secret), "chief"), verifier(), "nonce-1")
    with pytest.raises(SignInRefused):
        party.redeem("", secret, "nonce-1")
    with pytest.raises(ValueError, match="required"):
        party.begin("s", "n", "short")


def test_two_accounts_of_one_person_are_one_person(party: RelyingParty, shared_sandbox: Sandbox) -> None:
    known = [party.bearer(shared_sandbox.token(account)) for account in ("lali-operator", "lali-officer")]
    assert [who.account for who in known] == ["lali-operator", "lali-officer"]
    assert {who.person for who in known} == {"person-1010"}
    assert known[1].roles == {Role.OFFICER, Role.CHIEF}


def signing_key(sandbox: Sandbox) -> ECKey:
    return ECKey.import_key(json.loads((sandbox.folder / "oidc-keys.json").read_text())["keys"][-1])


def token(sandbox: Sandbox, header: dict[str, Any] | None = None, key: Any = None, **changes: Any) -> str:
    """A token that the provider itself could have signed, but for the changes; None takes a claim away."""
    signing = signing_key(sandbox)
    now = int(time.time())
    claims = {
        "iss": f"{sandbox.url}/oidc",
        "aud": "sarkmeli",
        "iat": now,
        "exp": now + 60,
        "sub": "chief",
        "person": "person-1005",
        "name": "ნათია ბარამიძე",
        "roles": ["chief"],
        **changes,
    }
    said = {"alg": "ES256", "typ": "at+jwt", "kid": signing.kid, **(header or {})}
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(said, kept, key or signing)


def unpadded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def encoded(header: dict[str, Any]) -> str:
    return unpadded(json.dumps(header).encode())


def test_the_untouched_token_is_good(party: RelyingParty, shared_sandbox: Sandbox) -> None:
    assert party.bearer(token(shared_sandbox)).roles == {Role.CHIEF}
    assert party.bearer(token(shared_sandbox, aud=["other", "sarkmeli"])).account == "chief"


CLAIMS = {
    "another issuer": {"iss": "http://evil.example/oidc"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "tax"},
    "no audience": {"aud": None},
    "expired": {"exp": int(time.time()) - 60},
    "for ever": {"exp": None},
    "not a time": {"exp": "tomorrow"},
    "beyond time": {"exp": 10**30},
    "not yet": {"nbf": int(time.time()) + 600},
    "from the future": {"iat": int(time.time()) + 600},
    "no person": {"person": None},
    "empty person": {"person": ""},
    "person is a name": {"person": "ნათია ბარამიძე"},
    "person is several words": {"person": "Natia Baramidze"},
    "person is a list": {"person": ["person-1005"]},
    "no roles": {"roles": None},
    "no role of staff": {"roles": ["applicant", "holder", "system"]},
    "roles as text": {"roles": "chief"},
    "a personal number that is none": {"personal_number": "1008012345"},
    "a centre in words": {"centre": "რუსთავის სერვისცენტრი"},
}


@pytest.mark.parametrize("changes", CLAIMS.values(), ids=CLAIMS.keys())
def test_a_genuine_signature_under_wrong_claims_lets_nobody_in(
    party: RelyingParty, shared_sandbox: Sandbox, changes: dict[str, Any]
) -> None:
    with pytest.raises(SignInRefused):
        party.bearer(token(shared_sandbox, **changes))


def test_what_a_consultant_is_beyond_an_account_comes_with_the_token(
    party: RelyingParty, shared_sandbox: Sandbox
) -> None:
    known = party.bearer(token(shared_sandbox, personal_number="01008012345", centre="rustavi"))
    assert (known.personal_number, known.centre) == ("01008012345", "rustavi")
    other = party.bearer(token(shared_sandbox))
    assert (other.personal_number, other.centre) == (None, None)


def test_no_token_makes_anyone_the_office_itself(party: RelyingParty, shared_sandbox: Sandbox) -> None:
    known = party.bearer(token(shared_sandbox, roles=["system", "holder", "chief"]))
    assert known.roles == {Role.CHIEF}


def test_a_forged_signature_lets_nobody_in(party: RelyingParty, shared_sandbox: Sandbox) -> None:
    good = token(shared_sandbox)
    head, body, signature = good.split(".")
    public = signing_key(shared_sandbox).as_pem(private=False)
    confused = f"{encoded({'alg': 'HS256', 'typ': 'at+jwt', 'kid': signing_key(shared_sandbox).kid})}.{body}"
    confusion = unpadded(hmac.new(public, confused.encode(), hashlib.sha256).digest())
    stranger = ECKey.generate_key("P-256")
    forged = [
        token(shared_sandbox, key=stranger),
        token(shared_sandbox, key=stranger, header={"kid": stranger.thumbprint()}),
        token(shared_sandbox, key=stranger, header={"jwk": stranger.as_dict(private=False)}),
        f"{confused}.{confusion}",
        token(shared_sandbox, header={"typ": "JWT"}),
        f"{encoded({'alg': 'none', 'typ': 'at+jwt', 'kid': signing_key(shared_sandbox).kid})}.{body}.",
        f"{encoded({'alg': 'ES256', 'typ': 'at+jwt'})}.{body}.{signature}",
        f"{unpadded(b'[' * 5000)}.{body}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body[:-2]}.{signature}",
        *("", ".", "..", "a.b.c", "ა.ბ.გ", "x" * 100_000, f"{head}.{body}.{signature}.{signature}.x"),
    ]
    for each in forged:
        with pytest.raises(SignInRefused):
            party.bearer(each)
    assert party.bearer(good)


def test_an_id_token_is_no_bearer_and_an_access_token_is_no_id_token(
    party: RelyingParty, shared_sandbox: Sandbox
) -> None:
    secret = verifier()
    code = come_back(shared_sandbox, party.begin("s", "n", secret), "chief")
    client = (shared_sandbox.secrets["oidc_client_id"], shared_sandbox.secrets["oidc_client_secret"])
    asked = {"grant_type": "authorization_code", "code": code, "code_verifier": secret}
    where = {"redirect_uri": f"{shared_sandbox.service_url}/sign-in/callback"}
    got = shared_sandbox.ask("POST", "/oidc/token", data={**asked, **where}, auth=client).json()

    assert party.bearer(got["access_token"])
    with pytest.raises(SignInRefused, match="another type"):
        party.bearer(got["id_token"])


def test_a_new_key_is_fetched_when_it_shows_up_but_not_for_the_asking(
    own_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    party = relying_party(own_sandbox)
    old = own_sandbox.token("chief")
    assert party.bearer(old)
    own_sandbox.ask("POST", "/oidc/rotate-keys", json={})
    new = own_sandbox.token("chief")

    monkeypatch.setattr(sign_in_keys, "PAUSE", 3600.0)
    with pytest.raises(SignInRefused, match="unknown key"):
        party.bearer(new)
    monkeypatch.setattr(sign_in_keys, "PAUSE", 0.0)
    assert party.bearer(new)
    assert party.bearer(old)

    own_sandbox.ask("POST", "/oidc/rotate-keys", json={"forget_old": True})
    monkeypatch.setattr(sign_in_keys, "FRESH", 0.0)
    with pytest.raises(SignInRefused, match="unknown key"):
        party.bearer(new)


def test_while_the_provider_is_down_its_known_keys_serve_and_an_unknown_one_is_unavailable_or_refused(
    own_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    party = relying_party(own_sandbox)
    good = own_sandbox.token("chief")
    assert party.bearer(good)
    stranger = relying_party(own_sandbox)
    own_sandbox.stop(signal.SIGKILL)

    monkeypatch.setattr(sign_in_keys, "FRESH", 0.0)
    monkeypatch.setattr(sign_in_keys, "PAUSE", 0.0)
    assert party.bearer(good)
    with pytest.raises(SignInUnavailable):
        stranger.bearer(good)
    with pytest.raises(SignInUnavailable):
        stranger.begin("s", "n", verifier())
    monkeypatch.setattr(sign_in_keys, "LONGEST_STALE", 0.0)
    with pytest.raises(SignInUnavailable):
        party.bearer(good)


def test_another_issuers_document_is_not_believed(shared_sandbox: Sandbox, service: Service) -> None:
    led = relying_party(shared_sandbox, issuer=f"{shared_sandbox.url.replace('127.0.0.1', 'localhost')}/oidc")
    with pytest.raises(SignInUnavailable, match="another issuer"):
        led.bearer(shared_sandbox.token("chief"))


@pytest.mark.parametrize("algorithms", [(), ("none",), ("HS256",), ("ES256", "HS256")])
def test_only_public_keys_are_trusted(shared_sandbox: Sandbox, algorithms: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="public keys"):
        relying_party(shared_sandbox, algorithms=algorithms)


def test_a_wrong_client_secret_is_our_fault_and_not_the_persons(shared_sandbox: Sandbox) -> None:
    party, secret = relying_party(shared_sandbox, client_secret="wrong"), verifier()
    code = come_back(shared_sandbox, party.begin("s", "n", secret), "chief")
    with pytest.raises(SignInUnavailable, match="401"):
        party.redeem(code, secret, "n")
