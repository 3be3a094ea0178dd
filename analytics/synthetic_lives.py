"""The lives of the synthetic adverts: who posts which home, when, at what price, and its end.

Serves `synthetic_market`. All times are seconds since 1970 (UTC); steps on or after the end of
the market's window have not happened. Words and bodies are left to other files.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analytics.synthetic_ground import Floats, Ints
from analytics.synthetic_homes import Homes

DAY = 86_400
MONTH = 30.4375 * DAY
WINDOW_DAYS = 243
BACKLOG_SHARE, BACKLOG_DAYS = 0.20, 21
"""The stock that a CRM brings along when it connects."""

DUPLICATE_SHARE, REPOST_SHARE = 0.06, 0.03
PROVIDER_SHARES = (0.30, 0.22, 0.18, 0.13, 0.10, 0.07)

NOISE_SD = np.array([0.07, 0.06, 0.11, 0.15, 0.12, 0.13])
"""Of ln asking price around ln true value, by type; rents have RENT_NOISE of it."""

RENT_NOISE = 0.9
SALE_PREMIUM, RENT_PREMIUM = 0.03, 0.018
"""What first asks add to the value: about what later cuts take back, so that the asks on the
market lie around the value."""

TAIL_OF_NOISE, TAIL_FACTOR = 0.04, 3.0
DUPLICATE_NOISE, REPOST_NOISE = 0.012, 0.02
SALE_MEDIAN_DAYS, RENT_MEDIAN_DAYS, DAYS_SHAPE = 150.0, 60.0, 1.2
DAYS_PER_NOISE = 2.5
"""Dear adverts stay: ln days rises by this much per unit of the asking noise."""

CUTS_PER_100_DAYS, MAX_CUTS, RAISE_SHARE = 0.8, 3, 0.08
OUTCOMES = (0.68, 0.22, 0.10)
RESERVED_SHARE, RETURN_SHARE, EDIT_SHARE, TOUCH_SHARE = 0.20, 0.04, 0.06, 0.04
RON_SALE_SHARE, RON_RENT_SHARE = 0.07, 0.15
SOLD_DISCOUNT, SOLD_SD = -0.03, 0.02

RON_LOW, RON_RISE = 4.95, 0.10
"""Without rates the leu moves in a straight line over the window, from 4.95 to 5.05 per euro."""


class Step(IntEnum):
    """What an event tells about an advert, in the order of a spell."""

    FIRST = 0
    EDIT = 1  # new words, same facts
    TOUCH = 2  # posted again unchanged
    PRICE = 3
    RESERVE = 4
    CLOSE = 5  # sold or rented
    WITHDRAW = 6
    EXPIRE = 7
    RETURN = 8


@dataclass(frozen=True)
class Adverts:
    """One entry per advert.

    relation: first, duplicate or repost; source: the advert it repeats, -1 for a first one.
    price: in its currency at first; noise: ln of it over the true value of that day.
    """

    home: Ints
    provider: Ints
    relation: list[str]
    source: Ints
    start: Ints
    end: Ints
    outcome: Ints
    noise: Floats
    is_ron: Ints


@dataclass(frozen=True)
class Steps:
    """Events in time order: advert, time, step, and the price asked from then on.

    sold_price: for CLOSE, in the advert's currency.
    """

    advert: Ints
    time: Ints
    step: Ints
    price: Floats
    sold_price: Floats


@dataclass(frozen=True)
class LeuRate:
    """RON per euro by instant: the last dated rate on or before it."""

    since: Ints
    units: Floats

    def at(self, time: Ints) -> Floats:
        """Return the rate at each instant; before the first rate, the first."""
        found = np.searchsorted(self.since, time, side="right") - 1
        rate: Floats = self.units[np.maximum(found, 0)]
        return rate


def leu_rate(rates: pl.DataFrame | None, end: int) -> LeuRate:
    """Read currency, rate_date, units_per_eur; without a frame or RON in it, a straight line."""
    leu = None if rates is None else rates.filter(pl.col("currency") == "RON").sort("rate_date")
    if leu is None or leu.is_empty():
        days = np.arange(WINDOW_DAYS + 1)
        line = RON_LOW + RON_RISE * days / WINDOW_DAYS
        return LeuRate(end - (WINDOW_DAYS - days) * DAY, np.round(line, 4))
    since = leu["rate_date"].cast(pl.Date).cast(pl.Int64).to_numpy() * DAY
    return LeuRate(since, leu["units_per_eur"].to_numpy())


def home_count(adverts: int) -> int:
    """Return how many homes stand behind that many adverts."""
    return adverts - _repeats(adverts, DUPLICATE_SHARE) - _repeats(adverts, REPOST_SHARE)


def _repeats(adverts: int, share: float) -> int:
    return min(round(adverts * share), adverts // 3)


def build_adverts(homes: Homes, count: int, end: int, rng: np.random.Generator) -> Adverts:
    """Give every home its first advert and add duplicates and re-posts, `count` in all."""
    first = _first_adverts(homes, end, rng)
    reposts = _reposts(homes, first, _repeats(count, REPOST_SHARE), end, rng)
    duplicates = _duplicates(homes, first, _repeats(count, DUPLICATE_SHARE), end, rng)
    parts = (first, reposts, duplicates)
    return Adverts(
        relation=[word for part in parts for word in part.relation],
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("home", "provider", "source", "start", "end", "outcome", "noise", "is_ron")
        },
    )


def _first_adverts(homes: Homes, end: int, rng: np.random.Generator) -> Adverts:
    count = len(homes.zone)
    is_backlog = rng.random(count) < BACKLOG_SHARE
    days = np.where(is_backlog, BACKLOG_DAYS, WINDOW_DAYS) * rng.random(count)
    start = end - WINDOW_DAYS * DAY + (days * DAY).astype(np.int64)
    start = np.minimum(start, end - 3_600)
    noise = _asking_noise(homes, rng)
    leaves, outcome = _leaving(homes.is_rent, noise, start, rng)
    ron_share = np.where(homes.is_rent == 1, RON_RENT_SHARE, RON_SALE_SHARE)
    return Adverts(
        home=np.arange(count),
        provider=rng.choice(len(PROVIDER_SHARES), count, p=PROVIDER_SHARES),
        relation=["first"] * count,
        source=np.full(count, -1),
        start=start,
        end=leaves,
        outcome=outcome,
        noise=noise,
        is_ron=(rng.random(count) < ron_share).astype(np.int64),
    )


def _asking_noise(homes: Homes, rng: np.random.Generator) -> Floats:
    count = len(homes.zone)
    sd = NOISE_SD[homes.type] * np.where(homes.is_rent == 1, RENT_NOISE, 1.0)
    is_tail = rng.random(count) < TAIL_OF_NOISE
    noise: Floats = rng.normal(0.0, 1.0, count) * sd * np.where(is_tail, TAIL_FACTOR, 1.0)
    return noise


def _leaving(
    is_rent: Ints, noise: Floats, start: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Return when each advert leaves the market (perhaps after the window) and by which step."""
    median = np.where(is_rent == 1, RENT_MEDIAN_DAYS, SALE_MEDIAN_DAYS)
    scale = median / np.log(2.0) ** (1.0 / DAYS_SHAPE)
    days = scale * rng.weibull(DAYS_SHAPE, len(noise)) * np.exp(DAYS_PER_NOISE * noise)
    outcome = rng.choice([Step.CLOSE, Step.WITHDRAW, Step.EXPIRE], len(noise), p=OUTCOMES)
    return start + (np.maximum(days, 2.0) * DAY).astype(np.int64), outcome


def _reposts(
    homes: Homes, first: Adverts, count: int, end: int, rng: np.random.Generator
) -> Adverts:
    """Withdraw some early adverts and post their homes again; changes `first` in place."""
    early = rng.permutation(np.argsort(first.start, kind="stable")[: max(2 * count, 1)])[:count]
    room = np.maximum(end - first.start[early], 10)
    first.end[early] = first.start[early] + (room * rng.uniform(0.15, 0.45, count)).astype(int)
    first.outcome[early] = Step.WITHDRAW
    start = first.end[early] + (room * rng.uniform(0.02, 0.3, count)).astype(int)
    noise = first.noise[early] + rng.normal(-0.01, REPOST_NOISE, count)
    leaves, outcome = _leaving(homes.is_rent[early], noise, start, rng)
    return Adverts(
        early, first.provider[early], ["repost"] * count, early, start, leaves, outcome, noise,
        first.is_ron[early],
    )  # fmt: skip


def _duplicates(
    homes: Homes, first: Adverts, count: int, end: int, rng: np.random.Generator
) -> Adverts:
    """Post some homes at another provider while the first advert stands."""
    source = rng.permutation(len(first.home))[:count]
    stands = np.minimum(first.end[source], end) - first.start[source]
    later = np.minimum(stands * rng.uniform(0.0, 0.6, count), 30 * DAY).astype(np.int64)
    others = len(PROVIDER_SHARES)
    provider = (first.provider[source] + rng.integers(1, others, count)) % others
    lag = (rng.uniform(0.0, 6.0, count) * DAY).astype(np.int64)
    start = first.start[source] + later
    return Adverts(
        source, provider, ["duplicate"] * count, source, start,
        np.maximum(first.end[source] + lag, start + 2 * DAY), first.outcome[source],
        first.noise[source] + rng.normal(0.0, DUPLICATE_NOISE, count), first.is_ron[source],
    )  # fmt: skip


def asked_price(eur: Floats, rate: Floats, is_rent: Ints, is_ron: Ints) -> Floats:
    """Return the price as people quote it: in its currency, to a round step."""
    price = np.where(is_ron == 1, eur * rate, eur)
    sale_step = np.where(price < 20_000, 100.0, np.where(is_ron == 1, 1_000.0, 500.0))
    rent_step = np.where(is_ron == 1, 50.0, 10.0)
    step = np.where(is_rent == 1, rent_step, sale_step)
    result: Floats = np.maximum(np.round(price / step), 1.0) * step
    return result


def first_prices(homes: Homes, adverts: Adverts, leu: LeuRate, end: int) -> Floats:
    """Return the price each advert starts with, in its currency."""
    months = (end - adverts.start) / MONTH
    worth = homes.log_value[adverts.home] - homes.trend[adverts.home] * months
    premium = np.where(homes.is_rent[adverts.home] == 1, RENT_PREMIUM, SALE_PREMIUM)
    return asked_price(
        np.exp(worth + premium + adverts.noise), leu.at(adverts.start), homes.is_rent[adverts.home],
        adverts.is_ron,
    )  # fmt: skip


def live(
    homes: Homes, adverts: Adverts, prices: Floats, keeps_price: Ints, end: int,
    rng: np.random.Generator,
) -> Steps:  # fmt: skip
    """Return every step of every advert before `end`, in time order.

    keeps_price: 1 for adverts whose price never moves.
    """
    asked = _asked_after_cuts(homes, adverts, prices, keeps_price, rng)
    planned = _planned(adverts, asked, rng)
    advert = np.concatenate([np.flatnonzero(p.happens) for p in planned])
    time = np.concatenate([p.time[p.happens] for p in planned])
    step = np.concatenate([np.full(int(p.happens.sum()), p.step) for p in planned])
    price = np.concatenate([asked[p.happens, p.cuts] for p in planned])
    kept = np.flatnonzero(time < end)
    order = kept[np.lexsort((step[kept], advert[kept], time[kept]))]
    advert, time, step, price = advert[order], time[order], step[order], price[order]
    discount = np.exp(rng.normal(SOLD_DISCOUNT, SOLD_SD, len(price)))
    is_rent, is_ron = homes.is_rent[adverts.home[advert]], adverts.is_ron[advert]
    sold = asked_price(price * discount, np.ones(len(price)), is_rent, is_ron)
    return Steps(advert, time, step, price, sold)


def _asked_after_cuts(
    homes: Homes, adverts: Adverts, prices: Floats, keeps_price: Ints, rng: np.random.Generator
) -> Floats:
    """Return (n, MAX_CUTS + 1) prices: at first, and after each change (equal when none)."""
    factors = np.cumprod(_cut_factors(adverts, keeps_price, rng), axis=1)
    is_rent = homes.is_rent[adverts.home]
    asked = np.repeat(prices[:, None], MAX_CUTS + 1, axis=1)
    for cut in range(1, MAX_CUTS + 1):
        moved = factors[:, cut - 1] != (factors[:, cut - 2] if cut > 1 else 1.0)
        price = asked_price(prices * factors[:, cut - 1], np.ones(len(prices)), is_rent,
                            adverts.is_ron)  # fmt: skip
        asked[:, cut] = np.where(moved, price, asked[:, cut - 1])
    return asked


def _cut_factors(adverts: Adverts, keeps_price: Ints, rng: np.random.Generator) -> Floats:
    """Return (n, MAX_CUTS) factors on the price; 1 where nothing happens. Dear ones cut more."""
    count = len(adverts.home)
    days = (adverts.end - adverts.start) / DAY
    pace = np.exp(np.clip(4.0 * adverts.noise, -2.0, 1.0)) * CUTS_PER_100_DAYS / 100.0
    cuts = np.minimum(rng.poisson(np.minimum(days * pace, 5.0)), MAX_CUTS)
    size = rng.uniform(0.02, 0.07, (count, MAX_CUTS))
    is_raise = rng.random((count, MAX_CUTS)) < RAISE_SHARE
    factor = np.where(is_raise, 1.0 + size / 2.0, 1.0 - size)
    happens = (np.arange(MAX_CUTS) < cuts[:, None]) & (keeps_price == 0)[:, None]
    return np.where(happens, factor, 1.0)


@dataclass(frozen=True)
class _Planned:
    """One step for all adverts: when, for which it happens, and after how many price changes."""

    step: Step
    time: Ints
    happens: NDArray[np.bool_]
    cuts: int


def _planned(adverts: Adverts, asked: Floats, rng: np.random.Generator) -> list[_Planned]:
    """Plan the steps: fixed parts of the spell keep their order within an advert."""
    count = len(adverts.home)
    length = adverts.end - adverts.start

    def at(part: Floats | float) -> Ints:
        moment: Ints = adverts.start + (length * part).astype(np.int64)
        return moment

    def some(share: float) -> NDArray[np.bool_]:
        return rng.random(count) < share

    changes = np.sort(rng.uniform(0.10, 0.75, (count, MAX_CUTS)), axis=1)
    back = adverts.end + (rng.uniform(5.0, 40.0, count) * DAY).astype(np.int64)
    posted_again = np.isin(np.arange(count), adverts.source[np.array(adverts.relation) == "repost"])
    closes = adverts.outcome == Step.CLOSE
    prices = [
        _Planned(Step.PRICE, at(changes[:, cut]) + cut, asked[:, cut + 1] != asked[:, cut], cut + 1)
        for cut in range(MAX_CUTS)
    ]
    ends = [
        _Planned(step, adverts.end, adverts.outcome == step, MAX_CUTS)
        for step in (Step.CLOSE, Step.WITHDRAW, Step.EXPIRE)
    ]
    return [
        _Planned(Step.FIRST, adverts.start, np.full(count, True), 0),
        _Planned(Step.EDIT, at(0.04), some(EDIT_SHARE), 0),
        *prices,
        _Planned(Step.TOUCH, at(0.80), some(TOUCH_SHARE), MAX_CUTS),
        _Planned(Step.RESERVE, at(0.88), closes & some(RESERVED_SHARE), MAX_CUTS),
        *ends,
        _Planned(Step.RETURN, back, some(RETURN_SHARE) & ~posted_again, MAX_CUTS),
    ]
