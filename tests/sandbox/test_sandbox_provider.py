"""The sandbox's OpenID Connect provider: a code is for one client, one verifier, one use."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
from neighbours import Sandbox

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def request(sandbox: Sandbox, **changes: str) -> dict[str, str]:
    return {
        "client_id": "sarkmeli",
        "redirect_uri": f"{sandbox.service_url}/sign-in/callback",
        "response_type": "code",
        "scope": "openid",
        "state": "s",
        "nonce": "n",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }


def code(sandbox: Sandbox) -> str:
    back = sandbox.ask("POST", "/oidc/authorize", data={**request(sandbox), "account": "officer-1"})
    return parse_qs(urlsplit(back.headers["location"]).query)["code"][0]


def redeem(sandbox: Sandbox, **changes: str) -> tuple[int, str | None]:
    asked = {
        "grant_type": "authorization_code",
        "redirect_uri": f"{sandbox.service_url}/sign-in/callback",
        "code_verifier": VERIFIER,
        "client_id": "sarkmeli",
        "client_secret": sandbox.secrets["oidc_client_secret"],
        **changes,
    }
    answer = sandbox.ask("POST", "/oidc/token", data=asked)
    return answer.status_code, answer.json().get("error")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"state": ""}, "invalid_request"),
        ({"nonce": ""}, "invalid_request"),
    ],
)
def test_a_lax_request_is_sent_back_with_its_error(shared_sandbox: Sandbox, change: dict[str, str], error: str) -> None:
    for back in (
        shared_sandbox.ask("GET", "/oidc/authorize", params=request(shared_sandbox, **change)),
        shared_sandbox.ask("POST", "/oidc/authorize", data={**request(shared_sandbox, **change), "account": "chief"}),
    ):
        assert parse_qs(urlsplit(back.headers["location"]).query)["error"] == [error]


@pytest.mark.parametrize("change", [{"client_id": "other"}, {"redirect_uri": "http://evil.example/sign-in/callback"}])
def test_a_stranger_is_sent_nowhere(shared_sandbox: Sandbox, change: dict[str, str]) -> None:
    asked = request(shared_sandbox, **change)
    assert shared_sandbox.ask("GET", "/oidc/authorize", params=asked).status_code == 400
    assert shared_sandbox.ask("POST", "/oidc/authorize", data={**asked, "account": "chief"}).status_code == 400


def test_a_code_is_good_once_for_who_holds_its_verifier(shared_sandbox: Sandbox) -> None:
    assert redeem(shared_sandbox, code=code(shared_sandbox), client_secret="x") == (401, "invalid_client")
    assert redeem(shared_sandbox, code=code(shared_sandbox), code_verifier="w" * 43) == (400, "invalid_grant")
    once = code(shared_sandbox)
    assert redeem(shared_sandbox, code=once) == (200, None)
    assert redeem(shared_sandbox, code=once) == (400, "invalid_grant")


def test_userinfo_says_whose_token_it_is(shared_sandbox: Sandbox) -> None:
    token = shared_sandbox.token("lali-officer")
    told = shared_sandbox.ask("GET", "/oidc/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert (told.json()["person"], told.json()["roles"]) == ("person-1010", ["officer", "chief"])
    assert shared_sandbox.ask("GET", "/oidc/userinfo", headers={"Authorization": "Bearer x.y.z"}).status_code == 401
