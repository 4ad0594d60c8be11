"""A process starts with complete settings, or says at once all that is wrong with them."""

from __future__ import annotations

import pytest

from docward.runtime.settings import Settings, load

GOOD = {
    "DOCWARD_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "DOCWARD_POSTGRES__DSN": "postgresql://u:hunter2@127.0.0.1/d",
    "DOCWARD_OBJECTS__URL": "file:///tmp/x",
    "DOCWARD_HTTP__PORT": "0",
    "DOCWARD_SIGNING__KEY_ID": "one",
    "DOCWARD_SIGNING__KEY": "0a" * 32,
    "DOCWARD_KEYRING": '{"one": "' + "0a" * 32 + '"}',
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_complete_settings_load_and_show_no_secret(environment: pytest.MonkeyPatch) -> None:
    settings = load(Settings)
    assert settings.keys() == {"one": b"\x0a" * 32}
    assert "hunter2" not in repr(settings)
    assert "0a0a" not in repr(settings)


def test_one_message_names_every_problem_and_no_secret(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.delenv("DOCWARD_POSTGRES__DSN")
    environment.setenv("DOCWARD_HTTP__PORT", "99999")
    environment.setenv("DOCWARD_SIGNING__KEY", "hunter2")
    with pytest.raises(SystemExit) as exit_:
        load(Settings)
    assert exit_.value.code == 2
    said = capsys.readouterr().err
    for name in ("DOCWARD_POSTGRES__DSN", "DOCWARD_HTTP__PORT", "DOCWARD_SIGNING__KEY"):
        assert name in said
    assert "hunter2" not in said


def test_without_any_settings_every_variable_that_is_needed_is_named(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in GOOD:
        environment.delenv(name)
    with pytest.raises(SystemExit):
        load(Settings)
    said = [line.strip().partition(":")[0] for line in capsys.readouterr().err.splitlines()[1:]]
    assert said == list(GOOD)


@pytest.mark.parametrize(
    ("keyring", "said"),
    [
        ("{hunter2", "keyring"),
        ('{"one": "' + "0b" * 32 + '"}', "DOCWARD_KEYRING holds no such key"),
        ('{"two": "' + "0a" * 32 + '"}', "DOCWARD_KEYRING holds no such key"),
    ],
)
def test_a_keyring_that_does_not_fit_is_a_problem_at_the_start(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], keyring: str, said: str
) -> None:
    environment.setenv("DOCWARD_KEYRING", keyring)
    with pytest.raises(SystemExit) as exit_:
        load(Settings)
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert not [secret for secret in ("hunter2", "0a0a", "0b0b") if secret in error]


@pytest.mark.parametrize("placeholder", ["changeme", "", "secret", "ChangeMe", "0a" * 31, "zz" * 32])
def test_a_placeholder_is_no_key(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], placeholder: str
) -> None:
    environment.setenv("DOCWARD_SIGNING__KEY", placeholder)
    with pytest.raises(SystemExit):
        load(Settings)
    assert "openssl rand -hex 32" in capsys.readouterr().err
