"""Every import contract is seen to fail: violations are planted in a copy and must be caught."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
LINTER: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"].get(
    "importlinter", {}
)
ROOMS: list[str] = LINTER.get("root_packages", [])
NAMES: dict[str, str] = {each["id"]: each["name"] for each in LINTER.get("contracts", [])}
FLOORS: dict[str, str] = {
    each["id"]: each["containers"][0]
    for each in LINTER.get("contracts", [])
    if "containers" in each
}


@dataclass(frozen=True)
class Planted:
    """An import that must not be: `importer` gets it as its last line."""

    contract: str
    importer: str
    imported: str


PLANTED = [
    Planted("rooms", "store.settings", "analytics"),
    Planted("rooms", "analytics.history", "flows"),
    Planted("rooms", "explorer.questions", "ingest_api"),
    Planted("rooms", "flows.steps.collapse", "cli"),
    Planted("rooms", "store.settings", "client.bulks"),
    Planted("client-alone", "client.bulks", "store.shapes.wire"),
    Planted("client-alone", "client.canonical", "msgspec"),
    Planted("analytics-store", "analytics.units", "store.journal"),
    Planted("analytics-store", "analytics.units", "store.settings"),
    Planted("analytics-store", "analytics.units", "store"),
    Planted("pure", "analytics.units", "sqlalchemy"),
    Planted("pure", "analytics.units", "os"),
    Planted("pure", "analytics.units", "time"),
    Planted("pure", "store.shapes.wire", "pathlib"),
    Planted("light-door", "ingest_api.reading", "analytics.units"),
    Planted("light-door", "ingest_api.reading", "flows.steps.collapse"),
    Planted("light-door", "ingest_api.reading", "polars"),
    Planted("light-door", "ingest_api.reading", "prefect"),
    Planted("light-door", "store.keys", "sklearn"),  # through a module that the door uses
    Planted("explorer-reads", "explorer.questions", "flows.steps.collapse"),
    Planted("explorer-reads", "explorer.questions", "store.journal"),
    Planted("explorer-reads", "explorer.questions", "store.raw_lake"),
    Planted("explorer-reads", "store.market", "polars"),  # through a module it reads by
    Planted("steps-without-prefect", "flows.steps.batch", "prefect"),
    Planted("steps-without-prefect", "flows.steps.collapse", "flows.refresh_market"),
    Planted("web-upstairs", "store.keys", "fastapi"),
    Planted("web-upstairs", "flows.steps.batch", "starlette"),
]

UPWARDS = {
    "floors-cli": ("cli.wrong_use", "cli.main"),
    "floors-client": ("client.bulks", "client.api"),
    "floors-client-conformance": ("client.conformance.subject", "client.conformance.kit"),
    "floors-ingest_api": ("ingest_api.desk", "ingest_api.app"),
    "floors-explorer": ("explorer.problems", "explorer.app"),
    "floors-flows": ("flows.steps.publish", "flows.refresh_market"),
    "floors-flows-steps": ("flows.steps.batch", "flows.steps.refresh"),
    "floors-analytics": ("analytics.units", "analytics.pricing"),
    "floors-store": ("store.home", "store.journal"),
    "floors-store-shapes": ("store.shapes.vocabulary", "store.shapes.wire"),
    "floors-store-tables": ("store.tables.columns", "store.tables.journal"),
}
"""Inside each room: an import from a low floor to a high one."""

ALL_PLANTED = [*PLANTED, *(Planted(floors, *imports) for floors, imports in UPWARDS.items())]


def copied(place: Path) -> Path:
    """Copy the rooms' sources and the contracts."""
    for room in ROOMS:
        shutil.copytree(PROJECT / room, place / room, ignore=only_sources)
    shutil.copy(PROJECT / "pyproject.toml", place)
    return place


def only_sources(folder: str, names: list[str]) -> set[str]:
    return {
        name
        for name in names
        if not (Path(folder, name).is_dir() or name.endswith(".py")) or name == "__pycache__"
    }


def file_of(place: Path, module: str) -> Path:
    return place / Path(*module.split(".")).with_suffix(".py")


def plant(place: Path, planted: Planted) -> None:
    path = file_of(place, planted.importer)
    assert path.exists(), f"{planted.importer} has moved: plant the violation elsewhere"
    path.write_text(f"{path.read_text()}\nimport {planted.imported}\n")


def lint(place: Path) -> tuple[int, str]:
    """Run import-linter as `make check` does; the copy's packages, not the project's."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    environment = {**os.environ, "COLUMNS": "400", "PYTHONPATH": str(place)}
    done = subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def sections(output: str) -> dict[str, str]:
    """Split what is said about broken contracts by their names."""
    _, _, broken = output.partition("Broken contracts\n")
    parts = re.split(r"^(.+)\n-{4,}\n", broken, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture(scope="module")
def caught(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What import-linter says of a copy in which everything is planted at once."""
    place = copied(tmp_path_factory.mktemp("planted"))
    for planted in ALL_PLANTED:
        plant(place, planted)
    for container in FLOORS.values():
        (place / Path(*container.split(".")) / "stray.py").write_text('"""On no floor."""\n')
    code, output = lint(place)
    assert code == 1, output
    return sections(output)


def test_the_house_as_it_stands_keeps_every_contract(tmp_path: Path) -> None:
    code, output = lint(copied(tmp_path))
    assert code == 0, output
    assert f"Contracts: {len(NAMES)} kept, 0 broken." in output


@pytest.mark.parametrize("planted", ALL_PLANTED, ids=lambda p: f"{p.importer} -> {p.imported}")
def test_a_planted_import_is_caught(caught: dict[str, str], planted: Planted) -> None:
    said = caught[NAMES[planted.contract]]
    assert re.search(rf"{planted.importer} -> {planted.imported} \(l\.", said), said


@pytest.mark.parametrize("floors", sorted(FLOORS))
def test_a_stray_file_stands_on_no_floor(caught: dict[str, str], floors: str) -> None:
    assert f"- {FLOORS[floors]}.stray\n" in caught[NAMES[floors]]


def test_every_contract_has_a_violation_planted() -> None:
    assert {planted.contract for planted in ALL_PLANTED} == set(NAMES)


def test_every_room_has_its_floors() -> None:
    assert set(ROOMS) <= set(FLOORS.values())
    packages = {path.name for path in PROJECT.iterdir() if (path / "__init__.py").exists()}
    assert packages - {"tests", "notebooks"} == set(ROOMS)
