"""Who is asking, and what they may do.

Identity comes from a bearer token: a JWT signed with the gateway's own key by HS256, and by nothing else. It names
subject, display name, roles and groups. Permissions are checked on every route; a document that the caller may not
see does not exist for them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import ValidationError

from docward.events.messages import Actor
from docward.gateway.problems import ProblemError

ALGORITHMS = ["HS256"]  # an allow-list: `none` and key confusion end here
AUDIENCE = "docward"
Role = Literal["viewer", "contributor", "auditor", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "contributor", "auditor", "admin")

_CLAIMS = jwt.JWTClaimsRegistry(
    leeway=0,
    aud={"essential": True, "value": AUDIENCE},
    exp={"essential": True},
    sub={"essential": True},
)
_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="A JWT of this installation.")


def development_token(
    key: bytes,
    *,
    subject: str = "developer",
    name: str = "Developer",
    roles: tuple[str, ...] = ("admin",),
    groups: tuple[str, ...] = (),
    valid_for: timedelta = timedelta(days=30),
) -> str:
    """A token that a gateway with this key believes. For local use: whoever holds the key is everybody."""
    claims = {
        "sub": subject,
        "name": name,
        "roles": list(roles),
        "groups": list(groups),
        "aud": AUDIENCE,
        "exp": int((datetime.now(UTC) + valid_for).timestamp()),
    }
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(key), algorithms=ALGORITHMS)


class Authenticator:
    """Reads tokens. `actor` raises ProblemError 401 for anything but a valid one."""

    def __init__(self, key: bytes) -> None:
        self._key = OctKey.import_key(key)

    def actor(self, token: str) -> Actor:
        try:
            claims: dict[str, Any] = jwt.decode(token, self._key, algorithms=ALGORITHMS).claims
            _CLAIMS.validate(claims)
            return Actor(
                subject=claims["sub"],
                name=claims.get("name", ""),
                kind="user",
                roles=claims.get("roles", ()),
                groups=claims.get("groups", ()),
            )
        except (JoseError, ValueError, TypeError, ValidationError) as error:
            raise unauthenticated("The bearer token is not valid, or no longer.") from error


def unauthenticated(detail: str) -> ProblemError:
    return ProblemError(401, "unauthenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="docward"'})


async def authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Actor:
    """The caller. Every route under /api/v1 depends on it."""
    if credentials is None:
        raise unauthenticated("This address needs a bearer token.")
    authenticator: Authenticator = request.app.state.authenticator
    actor = authenticator.actor(credentials.credentials)
    if not set(actor.roles) & set(ROLES):
        raise ProblemError(403, "forbidden", "The token has no role of this system.")
    return actor


Caller = Annotated[Actor, Depends(authenticated)]


def having(role: Role) -> Callable[[Actor], Awaitable[Actor]]:
    """A dependency: the caller, who has the role."""

    async def check(actor: Caller) -> Actor:
        if not actor.has(role):
            raise ProblemError(403, "forbidden", f"This needs the role {role}.")
        return actor

    return check


Contributor = Annotated[Actor, Depends(having("contributor"))]
Auditor = Annotated[Actor, Depends(having("auditor"))]
Admin = Annotated[Actor, Depends(having("admin"))]


def sees_everything(actor: Actor) -> bool:
    return actor.has("auditor")
