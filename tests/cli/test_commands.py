"""The command from outside: exit codes, one clear line for what a user can mend, exports."""

import errno
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.main import get_command

import cli.main
from cli.refusals import refusal_line
from cli.tables import HIDDEN
from store.database import open_journal_database, writing
from store.settings import Settings
from store.storage_problems import UNUSABLE_FILES
from store.tables.warehouse import WAREHOUSE
from tests.journeys.server import run as run_process


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process: its start is most of what a process would cost."""

    def call(*arguments: str, home: Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["imo360", *arguments, "--home", str(home)])
        with pytest.raises(SystemExit) as ended:
            cli.main.run()
        out, err = capfd.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return call


def one_line(done: Done) -> str:
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, lines
    assert len(lines) == 1, lines
    assert "Traceback" not in lines[0]
    return lines[0]


@pytest.mark.parametrize(
    "arguments",
    [["refresh"], ["tables"], ["export", "market_zones"], ["work"], ["replay"], ["digests"]],
    ids=lambda arguments: arguments[0],
)
def test_a_missing_home_is_one_line(arguments: list[str], tmp_path: Path, run: Run) -> None:
    assert "no home at" in one_line(run(*arguments, home=tmp_path / "none"))


def test_a_port_in_use_is_one_line(settings: Settings, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = one_line(run("serve", "--port", port, home=settings.home))
    assert f"cannot listen on 127.0.0.1:{port}" in line


@pytest.mark.slow
@pytest.mark.parametrize("command", [["migrate"], ["up", "--port", "0"]], ids=["migrate", "up"])
def test_a_home_that_cannot_be_made_is_one_line(
    command: list[str], tmp_path: Path, run: Run
) -> None:
    (tmp_path / "file").touch()
    assert "cannot make the home" in one_line(run(*command, home=tmp_path / "file" / "home"))


def test_a_file_that_is_no_database_is_one_line(settings: Settings, run: Run) -> None:
    (settings.home / "journal.sqlite").write_bytes(b"not a database at all" * 100)
    assert "file is not a database" in one_line(run("tables", home=settings.home))


def test_a_home_may_have_any_name(empty_home: Path, tmp_path: Path, run: Run) -> None:
    home = tmp_path / "what? #1 100%25"
    shutil.copytree(empty_home, home)
    assert run("tables", home=home).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == [home.name]


@pytest.mark.parametrize("number", UNUSABLE_FILES, ids=errno.errorcode.get)
def test_a_file_that_cannot_be_used_is_told_by_name(number: int) -> None:
    line = refusal_line(OSError(number, os.strerror(number), "home/locks/seal.lock"))
    assert line is not None
    assert "home/locks/seal.lock" in line


def test_a_failure_of_ours_is_not_told_as_the_users() -> None:
    assert refusal_line(ValueError("ours")) is None
    assert refusal_line(OSError(errno.EBADF, "ours")) is None


def test_an_old_schema_is_one_line(settings: Settings, run: Run) -> None:
    with writing(open_journal_database(settings)) as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
    assert "run `imo360 migrate`" in one_line(run("tables", home=settings.home))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("{", "not readable JSON", id="broken JSON"),
        pytest.param('{"type": "FeatureCollection", "features": []}', "zones", id="no polygon"),
        pytest.param(None, "zones.geojson", id="no file"),
    ],
)
def test_an_unreadable_zone_file_is_one_line(
    content: str | None, told: str, settings: Settings, tmp_path: Path, run: Run
) -> None:
    file = tmp_path / "zones.geojson"
    if content is not None:
        file.write_text(content)
    run("migrate", home=settings.home)
    assert told in one_line(run("zones", "load", str(file), home=settings.home))


def test_an_unknown_table_names_the_known_ones(settings: Settings, run: Run) -> None:
    line = one_line(run("export", "market_dreams", home=settings.home))
    assert "market_zones" in line
    assert not any(name in line for name in HIDDEN)


def test_an_unreadable_rate_file_is_one_line(settings: Settings, tmp_path: Path, run: Run) -> None:
    run("migrate", home=settings.home)
    missing = tmp_path / "rates.csv"
    assert "rates.csv" in one_line(run("rates", "load", str(missing), home=settings.home))


@pytest.mark.slow
def test_a_key_is_printed_alone_and_exports_are_jsonl(settings: Settings) -> None:
    done = run_process("keys", "create", "--partner", "CRM", "--permission", "publish.estates",
                       home=settings.home)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("imo360_ak_")
    assert done.stdout.count("\n") == 1
    refreshed = run_process("refresh", home=settings.home)
    assert refreshed.returncode == 0, refreshed.stderr
    zones = run_process("export", "core_zones", home=settings.home).stdout.splitlines()
    assert {"zone_id", "name", "level"} <= set(json.loads(zones[0]))
    assert len(zones) > 7_000


def test_every_command_shows_an_example() -> None:
    def commands(group: object, path: str) -> list[tuple[str, object]]:
        found = []
        for name, command in group.commands.items():  # type: ignore[attr-defined]
            inner = f"{path} {name}"
            nested = hasattr(command, "commands")
            found += commands(command, inner) if nested else [(inner, command)]
        return found

    for name, command in commands(get_command(cli.main.app), "imo360"):
        assert f"Example: {name}" in (command.epilog or ""), name  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(set(WAREHOUSE.tables) - set(HIDDEN)))
@pytest.mark.slow
def test_every_table_is_exported(name: str, settings: Settings, tmp_path: Path) -> None:
    from cli.tables import export_table

    for kind in ("jsonl", "csv", "parquet"):
        export_table(settings, name, kind, tmp_path / f"out.{kind}")
        assert (tmp_path / f"out.{kind}").exists()
