"""Market tour: where asking prices stand, which homes score best, how far to trust it.

Reads the published market of IMO360_HOME. Open it with `marimo edit notebooks/market_tour.py`,
or run it as a script: `IMO360_HOME=data/var python notebooks/market_tour.py`.
"""

import marimo

app = marimo.App(width="medium", app_title="Market tour")


@app.cell
def _():
    import json

    import altair as alt
    import marimo as mo
    import polars as pl

    from store.database import open_warehouse_reader
    from store.market_frames import frame
    from store.settings import Settings

    return Settings, alt, frame, json, mo, open_warehouse_reader, pl


@app.cell
def _(mo):
    mo.md("""
    # A tour of the market

    **Question.** Where is it dear and where cheap, how wide do asking prices spread, which homes
    look best to an investor, and how far can the values behind that be trusted?

    All prices are *asking* prices of homes on the market; adverts of one home count once.
    """)
    return


@app.cell
def _(Settings, frame, mo, open_warehouse_reader):
    engine = open_warehouse_reader(Settings())
    runs = frame("market_runs", engine)
    mo.stop(runs.is_empty(), mo.md("Nothing is published yet: run `imo360 refresh`."))
    newest = runs.sort("publication").row(-1, named=True)
    mo.md(f"Publication {newest['publication']}, as of {newest['as_of_date']}.")
    return engine, newest


@app.cell
def _(engine, frame, newest):
    assert newest  # there is a publication to read
    zones = frame("market_zones", engine)
    listings = frame("market_listings", engine)
    valuations = frame("market_valuations", engine)
    scores = frame("market_scores", engine)
    editions = frame("core_editions", engine)
    return editions, listings, scores, valuations, zones


@app.cell
def _(pl, zones):
    # The segment with most homes on the market, and the level with most medians in it.
    whole = zones.filter((pl.col("rooms_band") == "all") & (pl.col("age_band") == "all"))
    typed = whole.filter(pl.col("type") != "all")
    largest = (
        typed.group_by("transaction", "type", "level")
        .agg(
            pl.col("stock").sum(),
            pl.col("median_price_per_m2").is_not_null().sum().alias("medians"),
        )
        .sort("medians", "stock", "transaction", "type", "level", descending=True)
        .row(0, named=True)
    )
    segment = {key: largest[key] for key in ("transaction", "type")}
    ranking = (
        typed.filter(**segment, level=largest["level"])
        .filter(pl.col("median_price_per_m2").is_not_null())
        .sort("median_price_eur_per_m2", "zone_id", descending=[True, False])
        .select(
            "zone_name", "median_price_per_m2", "median_low", "median_high", "currency", "n",
            "as_of_date",
        )
    )  # fmt: skip
    return largest, ranking, segment


@app.cell
def _(largest, mo, ranking, segment):
    mo.vstack(
        [
            mo.md(
                f"## Zones, dearest first\n\n{segment['type'].lower()}, "
                f"{segment['transaction'].lower()}, by {largest['level']}: median asking price per "
                "m² with its 95 % interval. Zones with fewer than 10 homes have no median."
            ),
            mo.ui.table(ranking, selection=None),
        ]
    )
    return


@app.cell
def _(alt, ranking):
    _base = alt.Chart(ranking.head(30)).encode(
        y=alt.Y("zone_name:N", sort=None, title=None),
    )
    zone_chart = _base.mark_rule(strokeWidth=2, color="#0f5a64", opacity=0.5).encode(
        x=alt.X("median_low:Q", title="median asking price per m²", scale=alt.Scale(zero=False)),
        x2="median_high:Q",
    ) + _base.mark_point(filled=True, size=60, color="#0f5a64").encode(
        x="median_price_per_m2:Q", tooltip=["zone_name", "median_price_per_m2", "n"]
    )
    zone_chart
    return (zone_chart,)


@app.cell
def _(listings, pl, segment):
    homes = listings.filter(pl.col("is_on_market") & pl.col("is_unit_lead")).filter(**segment)
    spread = homes.select(
        pl.len().alias("n"),
        pl.col("price_eur_per_m2").quantile(0.1).round(0).alias("p10"),
        pl.col("price_eur_per_m2").quantile(0.25).round(0).alias("p25"),
        pl.col("price_eur_per_m2").median().round(0).alias("median"),
        pl.col("price_eur_per_m2").quantile(0.75).round(0).alias("p75"),
        pl.col("price_eur_per_m2").quantile(0.9).round(0).alias("p90"),
    )
    return homes, spread


@app.cell
def _(alt, homes, mo, spread):
    price_chart = (
        alt.Chart(homes.select("price_eur_per_m2").drop_nulls().sort("price_eur_per_m2").head(5000))
        .mark_bar(color="#58a09f")
        .encode(
            x=alt.X("price_eur_per_m2:Q", bin=alt.Bin(maxbins=40), title="EUR per m²"),
            y=alt.Y("count()", title="homes"),
        )
    )
    mo.vstack([mo.md("## How asking prices spread"), spread, price_chart])
    return (price_chart,)


@app.cell
def _(homes, mo, pl, scores, valuations):
    best = (
        homes.select("id", "title", "zone_name", "price_eur", "area_m2")
        .join(valuations.select("id", "value_eur", "gap_pct", "grade"), on="id", how="inner")
        .join(
            scores.select(
                "id", "score", "yield_part", "gap_part", "liquidity_part", "momentum_part",
                "certainty_part", "net_yield_pct",
            ),
            on="id",
            how="inner",
        )
        .filter(pl.col("score").is_not_null())
        .sort("score", "id", descending=[True, False])
        .head(20)
    )  # fmt: skip
    mo.vstack(
        [
            mo.md(
                "## Best scores\n\nThe score is the weighted mean of the parts beside it, each a "
                "percentile in its segment. A value is an expected asking price, no appraisal."
            ),
            mo.ui.table(best, selection=None),
        ]
    )
    return (best,)


@app.cell
def _(editions, json, mo, pl):
    _figures = json.loads(editions.sort("edition")["figures"][-1]) if editions.height else {}
    accuracy = pl.DataFrame(
        [
            {"market": market, **{k: v for k, v in told.items() if not isinstance(v, dict)}}
            for market, told in sorted(_figures.items())
        ]
    )
    mo.vstack(
        [
            mo.md(
                "## How far to trust the values\n\nHeld-out accuracy of the current edition: homes "
                "the model had not seen. MdAPE is the median error in %; the baseline is city "
                "median times area. A market with `basis` ladder is too small for a model."
            ),
            mo.ui.table(accuracy, selection=None) if accuracy.height else mo.md("No rows yet."),
        ]
    )
    return (accuracy,)


@app.cell
def _(accuracy, best, mo, newest, ranking, spread):
    _dear, _cheap = ranking.row(0, named=True), ranking.row(-1, named=True)
    _trust = (
        f"Values miss by {accuracy['mdape_pct'].drop_nulls().min():.1f} % in the middle."
        if "mdape_pct" in accuracy.columns
        else "No model has been judged yet, so scores deserve caution."
    )
    conclusion = (
        f"From {_cheap['zone_name']} to {_dear['zone_name']} the median asking price rises from "
        f"{_cheap['median_price_per_m2']:,.0f} to {_dear['median_price_per_m2']:,.0f} "
        f"{_dear['currency']} per m² (n = {_cheap['n']} and {_dear['n']}). Of {spread['n'][0]} homes "
        f"half ask between {spread['p25'][0]:,.0f} and {spread['p75'][0]:,.0f} EUR per m². "
        f"{best.height} scored homes are listed above. {_trust} As of {newest['as_of_date']}."
    )
    mo.md(f"## Conclusion\n\n{conclusion}")
    return (conclusion,)


if __name__ == "__main__":
    app.run()
