"""Who gets in, and as whom."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from docward.events.messages import Actor
from docward.gateway.auth import Authenticator, development_token, sees_everything
from docward.gateway.problems import ProblemError
from unit.gateway.fakes import KEY
from unit.gateway.running import Running, signed_in

ME = "/api/v1/me"
CLAIMS = {"sub": "mira", "name": "Mira", "roles": ["viewer"], "groups": [], "aud": "docward", "exp": 4_000_000_000}


def signed(claims: dict[str, Any], *, key: bytes = KEY, algorithm: str = "HS256") -> str:
    return jwt.encode({"alg": algorithm}, claims, OctKey.import_key(key), algorithms=[algorithm])


def unsigned(claims: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


async def test_a_token_says_who_is_asking(running: Running) -> None:
    answer = await running.client.get(ME, headers=signed_in("viewer", "auditor", groups=("risk",)))
    assert answer.status_code == 200
    assert answer.json() == {"subject": "mira", "name": "Mira", "roles": ["viewer", "auditor"], "groups": ["risk"]}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        "a.b.c",
        unsigned(CLAIMS),
        signed(CLAIMS, key=b"x" * 32),
        signed(CLAIMS, algorithm="HS512", key=KEY * 2),
        signed({**CLAIMS, "aud": "another system"}),
        signed({**CLAIMS, "exp": 1}),
        signed({name: value for name, value in CLAIMS.items() if name != "exp"}),
        signed({name: value for name, value in CLAIMS.items() if name != "aud"}),
        signed({name: value for name, value in CLAIMS.items() if name != "sub"}),
        signed({**CLAIMS, "sub": ""}),
        signed({**CLAIMS, "sub": "x" * 256}),
        signed({**CLAIMS, "roles": "admin"}),
        signed({**CLAIMS, "roles": [["admin"]]}),
        signed({**CLAIMS, "groups": 5}),
        development_token(KEY, valid_for=timedelta(seconds=-1)),
    ],
)
async def test_anything_but_a_valid_token_is_refused(running: Running, token: str) -> None:
    answer = await running.client.get(ME, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert len(token) < 8 or token not in answer.text


async def test_a_valid_token_without_a_role_of_this_system_may_do_nothing(running: Running) -> None:
    answer = await running.client.get(ME, headers=signed_in("guest"))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_every_address_of_the_api_asks_for_a_token(running: Running) -> None:
    for path, methods in running.app.openapi()["paths"].items():
        ids = dict.fromkeys(("document_id", "group_id", "analysis_id", "operation_id"), UUID(int=1))
        operators = {"schema": "ab", "replay": 1, "service": "converter", "number": 1}
        url = path.format(**ids, **operators, fingerprint="f", name="ab", release=1, version=1, other=1)
        for method, described in methods.items():
            answer = await running.client.request(method, url, headers={"Authorization": "Basic eA=="})
            assert answer.status_code == 401, (method, path)
            assert described["security"], (method, path)


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("POST", "/api/v1/documents", "viewer"),
        ("POST", "/api/v1/documents", "auditor"),
        ("POST", "/api/v1/policy-repositories/import", "contributor"),
        ("GET", "/api/v1/audit", "contributor"),
    ],
)
async def test_roles_are_checked(running: Running, method: str, path: str, role: str) -> None:
    answer = await running.client.request(method, path, headers=signed_in(role), content=b"# text")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_admins_have_every_role() -> None:
    admin, owner, viewer = (
        Actor(subject="a", roles=("admin",)),
        Actor(subject="o"),
        Actor(subject="v", roles=("viewer",)),
    )
    assert sees_everything(admin)
    assert not sees_everything(viewer)
    assert [actor.manages("o") for actor in (admin, owner, viewer)] == [True, True, False]


def test_a_development_token_is_a_token() -> None:
    actor = Authenticator(KEY).actor(
        development_token(KEY, subject="demo", name="Demo", roles=("admin", "contributor"))
    )
    assert actor == Actor(subject="demo", name="Demo", roles=("admin", "contributor"))
    with pytest.raises(ProblemError):
        Authenticator(b"y" * 32).actor(development_token(KEY))
