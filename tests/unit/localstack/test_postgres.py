"""Where a Postgres that gives up root can keep its data."""

from __future__ import annotations

from pathlib import Path

import pytest

from docward.localstack.postgres import _can_reach, _may_enter
from docward.localstack.processes import User

STRANGER = User(54_321, 54_321)


def test_a_folder_is_reached_through_open_folders_only(tmp_path: Path) -> None:
    assert _can_reach(Path("/"), STRANGER)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert not _can_reach(closed, STRANGER)
    assert not _can_reach(closed / "not made yet", STRANGER)


@pytest.mark.parametrize(("right", "others"), [(0o700, 0o011), (0o010, 0o701), (0o001, 0o710)])
def test_of_owner_group_and_others_the_first_that_fits_decides(tmp_path: Path, right: int, others: int) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    owner, group = folder.stat().st_uid, folder.stat().st_gid
    user = {0o700: User(owner, group), 0o010: User(54_321, group), 0o001: STRANGER}[right]
    folder.chmod(right)
    assert _may_enter(folder, user)
    folder.chmod(others)
    assert not _may_enter(folder, user)
    folder.chmod(0o700)
