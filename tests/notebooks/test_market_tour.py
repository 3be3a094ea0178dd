"""The market tour runs from a home to its conclusion and says what the tables say."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.planted_market import plant_empty_home, plant_home

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "market_tour.py"

pytestmark = pytest.mark.slow


def load_notebook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("market_tour", NOTEBOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_tour(home: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("IMO360_HOME", str(home))
    _, definitions = load_notebook().app.run()
    return definitions


def test_tour_ends_in_a_conclusion_from_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run_tour(plant_home(tmp_path / "home").root, monkeypatch)
    medians = found["ranking"]["median_price_per_m2"]
    assert found["segment"] == {"transaction": "SALE", "type": "APARTMENT"}
    assert found["largest"]["level"] == "neighbourhood"
    assert medians.to_list() == sorted(medians, reverse=True)
    assert found["best"]["score"].to_list() == sorted(found["best"]["score"], reverse=True)
    assert found["accuracy"]["mdape_pct"].drop_nulls().to_list() == [8.4]
    assert f"{medians[0]:,.0f} EUR per m²" in found["conclusion"]
    assert "2026-10-31" in found["conclusion"]


def test_tour_of_an_unpublished_home_stops_politely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run_tour(plant_empty_home(tmp_path / "home").root, monkeypatch)
    assert "conclusion" not in found


def test_notebook_holds_no_output() -> None:
    assert "__marimo__" not in NOTEBOOK.read_text()
    assert "data:image" not in NOTEBOOK.read_text()
