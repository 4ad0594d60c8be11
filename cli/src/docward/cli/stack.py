"""The verbs of the local stack: `up`, `down`, `status`, `logs`, `token`, `environment`.

With --json exactly one JSON value goes to standard output (`logs`: one a line); progress goes to standard error. Of
`status`, exit code 0 means that everything is ready, 1 that it runs and not all of it is.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from docward.cli.client import local_token
from docward.cli.codes import FAILED, NOT_RUNNING, TIMED_OUT
from docward.cli.terminal import listing, stdout
from docward.gateway.auth import ROLES
from docward.localstack import LocalStackError, NotRunningError, StartTimeoutError
from docward.localstack.control import OWN_FILES, StackStatus, read_status, start_detached, stop_stack
from docward.localstack.environment import load_secrets, service_environment
from docward.localstack.logs import follow, log_files, tail
from docward.localstack.stack import Stack, find_stack, known_stack
from docward.localstack.supervisor import Supervisor, run_until_signalled

DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="DOCWARD_DATA_DIR", help="Folder of data, logs and state.", show_default=True),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_DATA_DIR = Path(".docward")

_errors = Console(stderr=True, highlight=False)


def up(
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    brokers: Annotated[int, typer.Option(help="Kafka brokers, 1 or 3; fixed by the first start.")] = 1,
    timeout: Annotated[float, typer.Option(help="Seconds to wait until everything is ready.")] = 180.0,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay here until Ctrl-C.")] = False,
    json_output: Json = False,
) -> None:
    """Start Kafka, Postgres and the four services, unless they run, and wait until all are ready."""
    if brokers not in (1, 3):
        raise typer.BadParameter("1 or 3", param_hint="--brokers")
    with _exit_codes():
        if foreground:
            run_until_signalled(Supervisor(data_dir, brokers=brokers, report=_errors.print))
            return
        with _progress() as report:
            status = start_detached(data_dir, brokers=brokers, report=report, timeout=timeout)
        _show(status, json_output=json_output)


def down(
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    purge: Annotated[bool, typer.Option("--purge", help="Remove all data too. There is no way back.")] = False,
    json_output: Json = False,
) -> None:
    """Stop the services, Kafka and Postgres; their data stay unless --purge."""
    with _exit_codes(), _progress() as report:
        stopped = _stop(data_dir, report, may_be_down=purge)
        if purge:
            _purge(data_dir)
    if json_output:
        print(json.dumps({"stopped": stopped, "purged": purge}))
    else:
        print(f"stopped {', '.join(stopped) or 'nothing'}" + (f"; removed {data_dir}" if purge else ""))


def status(*, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """Show every process: id, port, health, uptime, restarts."""
    found = read_status(data_dir)
    if json_output:
        print(json.dumps(found.as_json()))
    elif found.running:
        _show(found, json_output=False)
    else:
        _errors.print(f"nothing runs in {data_dir}; start it with: docward up")
    if not found.ready:
        raise typer.Exit(FAILED if found.running else NOT_RUNNING)


def logs(
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Process, as in `docward status`; all when left out.")
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines of each log to begin with.")] = 20,
    following: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    json_output: Json = False,
) -> None:
    """Print the logs of the servers and services."""
    files = log_files(data_dir)
    if not files:
        _errors.print(f"no logs in {data_dir / 'logs'}; start the stack with: docward up")
        raise typer.Exit(NOT_RUNNING)
    if name is not None and name not in files:
        raise typer.BadParameter(f"no log of {name!r}; there are: {', '.join(sorted(files))}", param_hint="NAME")
    wanted = files if name is None else {name: files[name]}
    try:
        for source, line in follow(wanted, lines) if following else tail(wanted, lines):
            if json_output:
                print(json.dumps({"name": source, "line": line}), flush=True)
            else:
                print(line if name else f"{source:<10} | {line}", flush=True)
    except KeyboardInterrupt:
        raise typer.Exit from None


def _stop(data_dir: Path, report: Any, *, may_be_down: bool) -> list[str]:
    try:
        return stop_stack(data_dir, report)
    except NotRunningError:
        if may_be_down:
            return []
        raise


def _purge(data_dir: Path) -> None:
    """Remove the folder, if it is one of ours: a mistyped --data-dir may be somebody's home."""
    stack = known_stack(data_dir)
    ours = data_dir.name == DEFAULT_DATA_DIR.name or any((data_dir / name).exists() for name in OWN_FILES)
    if not ours and data_dir.exists() and any(data_dir.iterdir()):
        raise LocalStackError(f"{data_dir} holds no data of a local stack: nothing was removed")
    if stack is not None:
        stack.remove()  # what lies elsewhere as well: Postgres's data, where root's folders are closed to it
    if data_dir.exists():
        shutil.rmtree(data_dir)


def _show(status: StackStatus, *, json_output: bool) -> None:
    if json_output:
        print(json.dumps(status.as_json()))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "health", "pid", "port", "uptime", "restarts"):
        table.add_column(column, justify="right" if column in {"pid", "port", "uptime", "restarts"} else "left")
    for each in status.processes:
        health = f"[green]{each.health}[/]" if each.health == "ready" else f"[red]{each.health}[/]"
        uptime = _duration(each.uptime_seconds)
        table.add_row(each.name, health, str(each.pid or "-"), str(each.port), uptime, str(each.restarts))
    listing(table)
    console = stdout()
    console.print(f"\nsupervisor {status.phase} (pid {status.pid}), Kafka {status.kafka_bootstrap}")
    if status.gateway_url:
        console.print(f"API {status.gateway_url}, its documentation {status.gateway_url}/docs")


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def _progress() -> Iterator[Any]:
    """A spinner with the latest message on a terminal, a line a message elsewhere."""
    if not _errors.is_terminal:
        yield lambda message: _errors.print(message, markup=False)
        return
    with _errors.status("starting") as spinner:
        yield lambda message: spinner.update(message.splitlines()[0].replace("[", "\\["))


@contextmanager
def _exit_codes() -> Iterator[None]:
    """The message of an expected failure, and the exit code of its kind."""
    try:
        yield
    except LocalStackError as error:
        _errors.print(str(error), markup=False, style="red")
        code = {NotRunningError: NOT_RUNNING, StartTimeoutError: TIMED_OUT}.get(type(error), FAILED)
        raise typer.Exit(code) from None


def token(
    *,
    subject: Annotated[str, typer.Option(help="Who it says is asking.")] = "developer",
    roles: Annotated[list[str] | None, typer.Option("--role", help="By default admin; may be repeated.")] = None,
    groups: Annotated[list[str] | None, typer.Option("--group", help="May be repeated.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Print a bearer token for the API of the running stack, valid for 30 days. JSON: {token}."""
    if unknown := set(roles or ()) - set(ROLES):
        raise typer.BadParameter(f"there are: {', '.join(ROLES)}", param_hint=f"--role {min(unknown)}")
    _running(data_dir)
    made = local_token(data_dir, subject=subject, roles=tuple(roles or ("admin",)), groups=tuple(groups or ()))
    print(json.dumps({"token": made}) if json_output else made)


def environment(
    *,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="`cli` or `example`: whose key to sign with.")
    ] = "example",
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Print the variables with which another program speaks to the running stack, its own key included."""
    stack = _running(data_dir)
    secrets = load_secrets(data_dir)
    if name not in secrets:
        raise typer.BadParameter(f"there are: {', '.join(sorted(secrets))}", param_hint="NAME")
    values = service_environment(name, stack, {}, secrets)
    del values["DOCWARD_KEYRING"]  # who only sends needs nobody else's key
    print(json.dumps(values) if json_output else "\n".join(f"{key}={shlex.quote(v)}" for key, v in values.items()))


def _running(data_dir: Path) -> Stack:
    stack = find_stack(data_dir)
    if stack is None:
        _errors.print(f"nothing runs in {data_dir}; start it with: docward up")
        raise typer.Exit(NOT_RUNNING)
    return stack
