"""Policy repositories as people write them, `NAME` or `NAME@release`, become references that commands carry."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg

from docward.events.messages import RepositoryRef
from docward.events.policies import repository_id
from docward.gateway.problems import invalid
from docward.gateway.queries import repositories


async def references(pool: asyncpg.Pool, names: Iterable[str], *, field: str) -> tuple[RepositoryRef, ...]:
    """One reference per name, in order. Raises ProblemError 422 for one that is not there to be used."""
    wanted = {}
    for name in names:
        bare, _, number = name.partition("@")
        wanted[repository_id(bare)] = (name, int(number) if number else None)
    known = await repositories.known(pool, list(wanted)) if wanted else {}
    for ident, (name, release) in wanted.items():
        repository = known.get(ident)
        if repository is None or repository.archived:
            raise invalid(field, f"there is no policy repository {name.partition('@')[0]!r}", code="unknown-repository")
        if repository.latest_release is None or (release or 0) > repository.latest_release:
            raise invalid(field, f"there is no release {name!r}", code="unknown-release")
    return tuple(RepositoryRef(repository_id=ident, release=release) for ident, (_, release) in wanted.items())
