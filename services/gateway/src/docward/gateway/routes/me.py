"""/me: who the gateway takes the caller for."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from docward.gateway.auth import Caller
from docward.gateway.problems import documented

router = APIRouter(tags=["me"])


class Me(BaseModel):
    subject: str
    name: str
    roles: list[str]
    groups: list[str]


@router.get("/me", summary="Who am I", responses=documented())
async def read_me(caller: Caller) -> Me:
    return Me(subject=caller.subject, name=caller.name, roles=list(caller.roles), groups=list(caller.groups))
