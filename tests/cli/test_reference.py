"""Building reference files: from installed packages, the same bytes every time."""

import shutil
from pathlib import Path

import pytest

from cli.reference import build_places, build_rates, slug
from store.reference import places_path, rates_path, read_rates, reference_dir


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(reference_dir() / "neighbourhoods.csv", tmp_path)
    return tmp_path


@pytest.mark.slow
def test_places_are_built_as_they_are_committed(folder: Path) -> None:
    assert build_places(folder).read_bytes() == places_path().read_bytes()


def test_rates_are_built_as_they_are_committed(folder: Path) -> None:
    # A newer package knows more days; what was known stays.
    committed = read_rates(rates_path())
    built = read_rates(build_rates(folder))
    assert built.join(committed, on=committed.columns, how="semi").height == committed.height


@pytest.mark.slow
def test_a_neighbourhood_of_an_unknown_town_is_refused(folder: Path) -> None:
    with (folder / "neighbourhoods.csv").open("a", encoding="utf-8") as file:
        file.write("cj,Nowhere,,Centru,46.7,23.6,,imo360\n")
    with pytest.raises(ValueError, match="Centru lies in ro-cj-nowhere, an unknown town"):
        build_places(folder)


@pytest.mark.parametrize(
    ("name", "expected"), [("Târgu Mureș", "targu-mures"), ("Popești-Leordeni", "popesti-leordeni")]
)
def test_slugs_are_ascii(name: str, expected: str) -> None:
    assert slug(name) == expected
