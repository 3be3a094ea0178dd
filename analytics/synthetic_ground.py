"""The ground of the synthetic market: where its homes stand and what a place is worth there.

Serves `synthetic_market`; homes and adverts are left to its other files.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KM_PER_DEGREE = 111.195

MAIN_SHARES = {
    "bucuresti": 0.45,
    "cluj-napoca": 0.10,
    "timisoara": 0.08,
    "iasi": 0.07,
    "brasov": 0.07,
    "constanta": 0.06,
}
"""Share of the homes in each large city, by folded name; what is left goes to the tail."""

TAIL_TOWNS = 60
TAIL_SHARE = 1.0 - sum(MAIN_SHARES.values())

EUR_PER_M2 = {
    "bucuresti": 2_200.0,
    "cluj-napoca": 2_900.0,
    "timisoara": 1_900.0,
    "iasi": 1_950.0,
    "brasov": 2_150.0,
    "constanta": 1_850.0,
}
"""Invented level of a 55 m2 flat's price per m2 at the as-of date in the large cities."""

TAIL_EUR_PER_M2 = 1_050.0
TAIL_POPULATION = 30_000.0
TAIL_ELASTICITY = 0.11
"""A tail town's level rises with its population by this elasticity, from a town of 30,000."""

FIELD_SD = 0.13
FIELD_LENGTH_KM = 2.5
FIELD_WAVES = 64
ZONE_SD = 0.05
CENTRE_SLOPE_PER_KM = -0.035
CENTRE_REACH_KM = 8.0
CITY_SD = 0.12
TREND_MEAN, TREND_SD = 0.004, 0.003
YIELD_LOW, YIELD_HIGH = 0.055, 0.07
SPREAD = 0.38
SPREAD_KM = (0.15, 1.2)
"""Homes scatter around a label point by this share of the distance to the next one (in km)."""

_FOLD = str.maketrans("ăâîșşțţ", "aaisstt")


def fold(text: str) -> str:
    """Return the text in lower case without Romanian diacritics."""
    return text.lower().translate(_FOLD)


@dataclass(frozen=True)
class SmoothField:
    """A random surface over the plane (km): a sum of waves with Gaussian frequencies.

    Its covariance tends to a Gaussian kernel (Rahimi and Recht 2007, random Fourier features).
    """

    waves: Floats
    phases: Floats

    def at(self, plane: Floats) -> Floats:
        """Return the field at points (n, 2) in km; mean 0, sd FIELD_SD."""
        angles = plane @ self.waves.T + self.phases
        height: Floats = np.cos(angles).sum(axis=1) * FIELD_SD * np.sqrt(2.0 / FIELD_WAVES)
        return height


@dataclass(frozen=True)
class Cities:
    """Cities of the market; index = position in each list.

    level: ln EUR per m2. trend, rent_trend: change of ln price per month. rent_yield: a year's
    rent over value. centre: (n, 2) in km.
    """

    place_ids: list[str]
    names: list[str]
    counties: list[str]
    share: Floats
    level: Floats
    trend: Floats
    rent_trend: Floats
    rent_yield: Floats
    centre: Floats


@dataclass(frozen=True)
class Ground:
    """Most specific places of the market's cities; index = position in each list.

    share sums to 1; own is a zone's own ln effect; new_share the share of homes built lately.
    seeds are the label points of every most specific place of the country, seed_zone their
    index here (-1: not of the market). A point belongs to the nearest seed, as derived cells do.
    """

    place_ids: list[str]
    names: list[str]
    aliases: list[list[str]]
    is_city: list[bool]
    sectors: list[str | None]
    city: Ints
    share: Floats
    own: Floats
    new_share: Floats
    spread_km: Floats
    points: Floats
    neighbour: Ints
    cities: Cities
    field: SmoothField
    squeeze: float
    seeds: Floats
    seed_zone: Ints

    def plane(self, degrees: Floats) -> Floats:
        """Return (longitude, latitude) points in km on the plane."""
        result: Floats = degrees * np.array([self.squeeze, 1.0]) * KM_PER_DEGREE
        return result

    def degrees(self, plane: Floats) -> Floats:
        """Return points of the plane as (longitude, latitude)."""
        result: Floats = plane / (np.array([self.squeeze, 1.0]) * KM_PER_DEGREE)
        return result


def lay_ground(places: pl.DataFrame, rng: np.random.Generator) -> Ground:
    """Choose the market's cities and zones among the places and give each its level.

    places: place_id, level, name, parent_id, latitude, longitude, aliases (`|` between them),
    population. Raises ValueError when there is no city in it.
    """
    ordered = places.sort("place_id")
    chosen = _choose_cities(ordered)
    leaves = _leaves(ordered)
    squeeze = float(np.cos(np.radians(leaves["latitude"].to_numpy().mean())))
    cities = _found_cities(chosen, squeeze, rng)
    zones = leaves.join(
        chosen.select("place_id", city="number"), left_on="city_id", right_on="place_id",
        how="inner", validate="m:1", maintain_order="left",
    ).sort("place_id")  # fmt: skip
    return _ground(zones, leaves, cities, squeeze, rng)


def _leaves(places: pl.DataFrame) -> pl.DataFrame:
    """Return places at or below cities that have no children, with city_id and sector."""
    parents = places.select(
        pl.col("place_id").alias("parent_id"),
        pl.col("level").alias("parent_level"),
        pl.col("name").alias("parent_name"),
        pl.col("parent_id").alias("grandparent_id"),
    )
    is_leaf = ~pl.col("place_id").is_in(places["parent_id"].drop_nulls().implode())
    below = pl.col("level").is_in(["city", "sector", "neighbourhood"])
    in_sector = pl.col("parent_level") == "sector"
    return (
        places.filter(is_leaf & below)
        .join(parents, on="parent_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(
            city_id=pl.when(pl.col("level") == "city").then("place_id")
            .when(in_sector).then("grandparent_id").otherwise("parent_id"),
            sector=pl.when(in_sector).then("parent_name"),
        )
    )  # fmt: skip


def _choose_cities(places: pl.DataFrame) -> pl.DataFrame:
    """Return the market's cities with folded name, share and number, largest of a name first."""
    counties = places.select(
        pl.col("place_id").alias("parent_id"), pl.col("name").alias("county_name")
    )
    every = places.filter(pl.col("level") == "city")
    cities = (
        every.with_columns(
            folded=pl.Series([fold(name) for name in every["name"]], dtype=pl.String),
            people=pl.col("population").fill_null(1).clip(1).cast(pl.Float64),
        )
        .join(counties, on="parent_id", how="left", validate="m:1", maintain_order="left")
        .sort("people", "place_id", descending=[True, False])
        .unique("folded", keep="first", maintain_order=True)
    )  # fmt: skip
    if cities.is_empty():
        raise ValueError("places hold no city: the market needs at least one row of level city")
    is_main = pl.col("folded").is_in(list(MAIN_SHARES))
    main = cities.filter(is_main).with_columns(
        share=pl.col("folded").replace_strict(MAIN_SHARES, return_dtype=pl.Float64)
    )
    tail = (
        cities.filter(~is_main)
        .head(TAIL_TOWNS)
        .with_columns(share=pl.col("people") / pl.col("people").sum() * TAIL_SHARE)
    )
    both = pl.concat([main, tail]).sort("share", "place_id", descending=[True, False])
    return both.with_columns(pl.col("share") / pl.col("share").sum()).with_row_index("number")


def _found_cities(chosen: pl.DataFrame, squeeze: float, rng: np.random.Generator) -> Cities:
    count = chosen.height
    people = chosen["people"].to_numpy()
    tail = np.log(TAIL_EUR_PER_M2) + TAIL_ELASTICITY * np.log(people / TAIL_POPULATION)
    known = [EUR_PER_M2.get(name) for name in chosen["folded"]]
    drawn = tail + rng.normal(0.0, CITY_SD, count)
    level = np.array([np.log(k) if k else d for k, d in zip(known, drawn, strict=True)])
    degrees = chosen.select("longitude", "latitude").to_numpy()
    return Cities(
        place_ids=chosen["place_id"].to_list(),
        names=chosen["name"].to_list(),
        counties=[name or "" for name in chosen["county_name"]],
        share=chosen["share"].to_numpy(),
        level=level,
        trend=rng.normal(TREND_MEAN, TREND_SD, count),
        rent_trend=rng.normal(TREND_MEAN, TREND_SD, count),
        rent_yield=rng.uniform(YIELD_LOW, YIELD_HIGH, count),
        centre=degrees * np.array([squeeze, 1.0]) * KM_PER_DEGREE,
    )


def _ground(
    zones: pl.DataFrame, leaves: pl.DataFrame, cities: Cities, squeeze: float,
    rng: np.random.Generator,
) -> Ground:  # fmt: skip
    seeds = leaves.select("longitude", "latitude").to_numpy() * np.array([squeeze, 1.0])
    seeds = seeds * KM_PER_DEGREE
    number = {place_id: at for at, place_id in enumerate(zones["place_id"])}
    seed_zone = np.array([number.get(place_id, -1) for place_id in leaves["place_id"]])
    city = zones["city"].to_numpy().astype(np.int64)
    own_seeds = np.flatnonzero(seed_zone >= 0)[np.argsort(seed_zone[seed_zone >= 0])]
    nearest_km = _nearest_km(seeds)[own_seeds]
    plane = seeds[own_seeds]
    return Ground(
        place_ids=zones["place_id"].to_list(),
        names=zones["name"].to_list(),
        aliases=[[a for a in (text or "").split("|") if a] for text in zones["aliases"]],
        is_city=(zones["level"] == "city").to_list(),
        sectors=zones["sector"].to_list(),
        city=city,
        share=_zone_shares(city, cities.share, rng),
        own=rng.normal(0.0, ZONE_SD, zones.height),
        new_share=1.0 / (1.0 + np.exp(-rng.normal(-0.9, 0.6, zones.height))),
        spread_km=np.clip(SPREAD * nearest_km, *SPREAD_KM),
        points=plane,
        neighbour=_neighbours(plane),
        cities=cities,
        field=SmoothField(
            waves=rng.normal(0.0, 1.0 / FIELD_LENGTH_KM, (FIELD_WAVES, 2)),
            phases=rng.uniform(0.0, 2.0 * np.pi, FIELD_WAVES),
        ),
        squeeze=squeeze,
        seeds=seeds,
        seed_zone=seed_zone,
    )


def _zone_shares(city: Ints, city_share: Floats, rng: np.random.Generator) -> Floats:
    weight = rng.lognormal(0.0, 0.6, len(city))
    total = np.bincount(city, weights=weight, minlength=len(city_share))
    share = weight / total[city] * city_share[city]
    result: Floats = share / share.sum()
    return result


def _tree(plane: Floats) -> shapely.STRtree:
    return shapely.STRtree(np.asarray(shapely.points(plane)))


def _nearest_km(seeds: Floats) -> Floats:
    """Return the distance of each seed to the next one (SPREAD_KM's upper end when alone)."""
    if len(seeds) < 2:
        return np.full(len(seeds), SPREAD_KM[1] / SPREAD)
    tree = _tree(seeds)
    pairs, distances = tree.query_nearest(
        tree.geometries, exclusive=True, all_matches=False, return_distance=True
    )
    nearest = np.zeros(len(seeds))
    nearest[pairs[0]] = distances
    return nearest


def _neighbours(plane: Floats) -> Ints:
    """Return for each zone the index of the market's next zone (itself when alone)."""
    if len(plane) < 2:
        return np.zeros(len(plane), dtype=np.int64)
    tree = _tree(plane)
    pairs = tree.query_nearest(tree.geometries, exclusive=True, all_matches=False)
    neighbour = np.arange(len(plane))
    neighbour[pairs[0]] = pairs[1]
    return neighbour


def scatter(ground: Ground, zone: Ints, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Return points (n, 2; km) around the zones' label points and the zone each lies in.

    A point that falls to a place outside the market is drawn half-way back until it does not.
    """
    away = rng.normal(0.0, 1.0, (len(zone), 2)) * ground.spread_km[zone][:, None]
    label = ground.points[zone]
    tree = _tree(ground.seeds)
    for _ in range(6):
        found = ground.seed_zone[tree.nearest(shapely.points(label + away))]
        outside = found < 0
        if not outside.any():
            break
        away[outside] /= 2.0
    away[outside] = 0.0
    return label + away, np.where(outside, zone, found)


def place_effect(ground: Ground, plane: Floats, zone: Ints) -> Floats:
    """Return ln EUR per m2 of a 55 m2 flat at the points, at the as-of date."""
    city = ground.city[zone]
    distance = np.hypot(*(plane - ground.cities.centre[city]).T)
    gradient: Floats = CENTRE_SLOPE_PER_KM * np.minimum(distance, CENTRE_REACH_KM)
    level: Floats = ground.cities.level[city] + ground.own[zone]
    total: Floats = level + ground.field.at(plane) + gradient
    return total
