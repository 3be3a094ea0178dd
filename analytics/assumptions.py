"""Parameters of models, figures and scores: each value with a sentence saying why.

Pure data; every other file of the room reads its constants here, so a reader who doubts a
figure finds what it rests on in one place.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class FigureRules:
    """How zone figures are made."""

    shrinkage_units: float = 20.0
    """k of (n x local + k x parent) / (n + k): METRICS' default until a better one is measured."""

    months_kept: int = 120
    """Ten years of months: older spells count from then on, and one absurd date costs nothing."""

    signal_days: int = 90
    """Liquidity asks what is gone within 90 days: a quarter, the usual length of a mandate."""

    signal_cohort_days: int = 365
    """Spells begun in the year before those 90 days: a whole year, so seasons cancel out."""

    momentum_months: int = 3
    """Momentum compares medians three months apart: shorter is noise, longer is history."""


@dataclass(frozen=True)
class ModelRules:
    """How valuation models are fitted. Measured on 14,861 Polish flats, January 2024."""

    units_min: int = 300
    """Below 300 units on the market five folds hold too few to beat medians by zone."""

    type_units_min: int = 30
    """A property type with fewer units is not learnt but looked up on the ladder."""

    unplaced_units_min: int = 50
    """Homes without a point are valued by the model only if it has seen 50 of them."""

    training_days: int = 365
    """Asks of the last year: the month is a feature, yet older asks teach an older market."""

    folds: int = 5
    """Each value comes from a model that has not seen the home's fold: four fifths of data."""

    iterations: int = 300
    """Trees per model: 500 gained 0.02 points of MdAPE and cost half as much time again."""

    learning_rate: float = 0.06
    """With 300 trees of 31 leaves: 7.95 % MdAPE; 600 trees at 0.04 gave 8.07."""

    leaves: int = 31
    """63 leaves gained nothing (7.98 %) at twice the time."""

    leaf_units: int = 15
    """Fewer units per leaf follow single adverts."""

    level_limit: float = 1.5
    """Asks beyond 4.5 times or a fifth of their type's median teach no more than that: most
    are a missing or an extra digit."""

    l2: float = 1.0
    """Mild shrinkage of leaf values; the result hardly depends on it."""

    scale_iterations: int = 80
    """The model of the size of errors needs few trees: it learns broad classes of homes."""

    scale_leaf_units: int = 40
    """A mean of absolute errors is steady from some forty errors on."""

    scale_floor: float = 0.3
    """No home is called more certain than 0.3 of the median error: guards the division."""

    neighbours_asked: int = 65
    """Neighbours looked up; those of the held-out folds drop out, some 40 remain."""

    neighbours_used: int = 40
    """Weights decay with distance and difference, so more than 40 changes nothing."""

    neighbour_km: float = 0.05
    """Weight 1 / (distance + 50 m): a block of flats counts as one place."""

    neighbour_ln_area: float = 0.25
    """Weight falls by e for each 0.25 in ln area: the best of 0.25 and 0.5 measured."""

    neighbour_years: float = 5.0
    """Weight falls by e for each 5 years of construction: the best of 5 and 10 measured."""

    neighbour_years_unknown: float = 15.0
    """An unknown year counts as 15 years apart: neither the same age nor excluded."""

    seed: int = 360
    """Any number: only binning of very large samples draws at random."""


@dataclass(frozen=True)
class LadderRules:
    """How values are read off zone medians where no model answers."""

    widening: dict[str, float] = field(
        default_factory=lambda: {
            "neighbourhood": 1.1,
            "sector": 1.15,
            "city": 1.2,
            "county": 1.3,
            "country": 1.4,
        }
    )
    """The spread inside a zone, widened: the median is in-sample, and the wider the zone, the
    less the home at hand resembles those that were posted from there."""


@dataclass(frozen=True)
class YieldRules:
    """What a buyer to let pays and loses. Romania, round figures; none is a quotation."""

    vacancy_share: float = 0.08
    """One month empty in twelve between tenants."""

    running_share_of_rent: float = 0.10
    """Letting and management: about one month's rent a year, often in the owner's own time."""

    running_share_of_price: float = 0.005
    """Repairs and insurance: half a per cent of the price a year, flats of ordinary age."""

    tax_share_of_rent: float = 0.08
    """Income tax on rents: 10 % of the rent less a flat 20 % (Codul fiscal, from 2024)."""

    tax_share_of_price: float = 0.001
    """Tax on buildings: 0.08-0.2 % of a fiscal value, itself mostly below the price."""

    purchase_share: float = 0.03
    """Notary, land registry and agency on the buyer's side: about 3 % of the price."""


@dataclass(frozen=True)
class ScoreWeights:
    """Weights of the investment score; they sum to 1 so that a part's weight reads as a share."""

    net_yield: float = 0.30
    """Income is what an investor buys first."""

    gap: float = 0.25
    """A low ask against the value is the only gain that is there on the first day."""

    liquidity: float = 0.15
    """How soon one can leave again matters, but less than what one earns."""

    momentum: float = 0.15
    """Past price change says a little about the next, no more than liquidity does."""

    certainty: float = 0.15
    """Of two equal homes the better known one is the better choice."""


@dataclass(frozen=True)
class ScoreRules:
    """What may be scored at all."""

    most_ask_to_value: float = 2.5
    """An ask this many times its value, or this small a part of it, is a slip of the keyboard (a
    digit of the price or the area) far more often than a bargain; on the synthetic market no
    sound advert is that far off."""


@dataclass(frozen=True)
class QualityPoints:
    """Points of data quality: what a complete listing earns (100 in all), and what doubts cost.

    What a kind of property cannot have (rooms of land) is left out, the rest scaled to 100.
    """

    place: float = 30.0
    """Without the place there is neither zone nor comparable: the most that can be missing."""

    photos: float = 20.0
    """Buyers look at pictures first, and portals rank by them."""

    area: float = 15.0
    """Every figure per m2 and every value needs it."""

    description: float = 10.0
    """Says what fields cannot; also where places and doubts are looked for."""

    rooms: float = 8.0
    """How people search, and a dimension of every segment."""

    construction_year: float = 6.0
    """Tells new from old, the model's next best feature after place and area."""

    floor: float = 5.0
    """A flat on the ground or under the roof asks less."""

    contact: float = 4.0
    """Somebody has to answer: a phone or an e-mail of agent or agency."""

    partitioning: float = 2.0
    """Detached rooms ask a little more than others."""

    description_letters: int = 100
    """Shorter is a headline, not a description."""

    photos_enough: int = 8
    """A picture of each room, kitchen, bath and house; each fewer costs its share."""

    place_shares: dict[str, float] = field(
        default_factory=lambda: {
            "exact": 1.0,
            "neighbourhood": 0.7,
            "sector": 0.5,
            "city": 0.3,
            "county": 0.1,
        }
    )
    """Roughly how far each level narrows down what a square metre asks."""

    blanked_cost: float = 5.0
    """A value that cannot be is worse than none: it casts doubt on its neighbours."""

    contradiction_cost: float = 10.0
    """Of two statements that exclude each other at least one is wrong, and nobody knows which."""

    out_of_line_cost: float = 15.0
    """An ask so far from its value is mostly a slip, and the price is what everything hangs on."""

    least_room_m2: float = 6.0
    """Less area per room than a single bedroom must have (8 m2) with corridors left out of it."""


FIGURES = FigureRules()
MODEL = ModelRules()
LADDER = LadderRules()
YIELD = YieldRules()
WEIGHTS = ScoreWeights()
SCORE = ScoreRules()
QUALITY = QualityPoints()
