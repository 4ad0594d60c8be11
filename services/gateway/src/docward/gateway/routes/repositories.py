"""/policy-repositories: read them, and import packs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from docward.events.policies import ImportPack, Pack, repository_id
from docward.events.topics import POLICY_COMMANDS
from docward.gateway import pagination
from docward.gateway.auth import Admin
from docward.gateway.context import API, Context, Gateway, Writing, as_json
from docward.gateway.packs import read_pack
from docward.gateway.pagination import Page, Paging
from docward.gateway.preconditions import IfMatch, Versions, not_modified, require_current
from docward.gateway.problems import documented, not_found
from docward.gateway.publishing import Order
from docward.gateway.queries import repositories
from docward.gateway.queries.operations import Operation
from docward.gateway.queries.repositories import Release, Repository, RepositoryDetails
from docward.gateway.routes.answers import SmallBody, VersionInPath, written

router = APIRouter(prefix="/policy-repositories", tags=["policy repositories"], route_class=SmallBody)

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{1,62}$")]
_PACK = {"schema": {"$ref": "#/components/schemas/Pack"}}


@router.get("", summary="List policy repositories", responses=documented())
async def list_repositories(gateway: Context, paging: Annotated[Paging, Query()]) -> Page[Repository]:
    """By name."""
    after = pagination.decode(paging.cursor, tuple[str])
    rows = await repositories.by_name(gateway.reads, None if after is None else after[0], paging.limit + 1)
    return pagination.page(rows, paging.limit, lambda r: (r.name,))


@router.get(
    "/{name}",
    summary="Read a policy repository",
    response_model=RepositoryDetails,
    responses=documented(304, 404),
)
async def read_repository(request: Request, name: Name, gateway: Context) -> Response:
    repository = await _repository(gateway, name)
    etag = Versions(repository.stream_version).etag
    if not_modified(request, etag):
        return Response(status_code=304, headers={"ETag": etag})
    return as_json(repository, headers={"ETag": etag})


@router.get("/{name}/releases/{release}", summary="Read a release", responses=documented(404))
async def read_release(name: Name, release: VersionInPath, gateway: Context) -> Release:
    """The policies as they were published; a release never changes."""
    found = await repositories.release(gateway.reads, repository_id(name), release)
    if found is None:
        raise not_found("release")
    return found


@router.post(
    "/import",
    status_code=202,
    summary="Import a pack",
    responses=written(RepositoryDetails, status=201),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/yaml": _PACK, "application/json": _PACK}}
    },
)
async def import_pack(request: Request, write: Writing, if_match: IfMatch, _: Admin) -> Response:
    """YAML or JSON. Creates the repository named like the pack, or replaces its policies, and publishes them."""
    pack = await read_pack(await request.body())

    async def order() -> Order:
        return await _import(write.gateway, pack, if_match)

    async def show(_: Operation) -> Response:
        return as_json(await _repository(write.gateway, pack.pack.id), 201)

    return await write.send(("import", if_match, pack), order, show)


async def _import(gateway: Gateway, pack: Pack, if_match: Versions | None) -> Order:
    ident = repository_id(pack.pack.id)
    command = ImportPack(pack=pack)
    if if_match is not None:
        repository = await _repository(gateway, pack.pack.id)
        require_current(if_match.document, repository.stream_version)
        command = ImportPack(pack=pack, expected_version=if_match.document)
    path = f"{API}/policy-repositories/{pack.pack.id}"
    return Order(POLICY_COMMANDS, "policy-repository", ident, command, path, "policy-repository")


async def _repository(gateway: Gateway, name: str) -> RepositoryDetails:
    repository = await repositories.get(gateway.reads, repository_id(name))
    if repository is None:
        raise not_found("policy repository")
    return repository
