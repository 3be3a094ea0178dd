"""The command `imo360`: each command parses, calls one function, prints, sets the exit code.

Exit codes: 0 done, 1 failed, 2 wrong use or refused. Results go to standard output, everything
else to standard error. A command imports its room when it runs, so that `--help` is quick.
"""

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.admin_commands import admin_app
from cli.key_commands import keys_app
from cli.options import HomeOption, KeyOption, settings_for

app = typer.Typer(
    name="imo360",
    help="Publish real-estate listings, and see the market they make.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
zones_app = typer.Typer(help="Zones of places.", no_args_is_help=True)
rates_app = typer.Typer(help="Euro rates.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
app.add_typer(admin_app, name="admin")
app.add_typer(zones_app, name="zones")
app.add_typer(rates_app, name="rates")

PortOption = Annotated[int | None, typer.Option(help="Port; 0 takes any free one.")]

AsOfOption = Annotated[
    str | None, typer.Option("--as-of", help="What was so by this day or instant.")
]
KnownAtOption = Annotated[
    str | None, typer.Option("--known-at", help="What had been received by this day or instant.")
]


def _now() -> datetime:
    return datetime.now(UTC)


def _say(line: str) -> None:
    typer.echo(line, err=True)


@app.command(epilog="Example: imo360 demo --listings 5000")
def demo(
    home: HomeOption = None,
    listings: Annotated[int, typer.Option(help="Listings to post.", min=50)] = 5_000,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic market.")] = 360,
) -> None:
    """Run the main job on a synthetic market: post, refresh through Prefect, print the outcome."""
    from cli.demo import run_demo

    run_demo(settings_for(home), listings, seed)


@app.command(epilog="Example: imo360 up --port 8360")
def up(
    home: HomeOption = None,
    port: PortOption = None,
    prefect: Annotated[
        bool, typer.Option("--prefect", help="Also start a Prefect server that observes the runs.")
    ] = False,
) -> None:
    """Serve API and explorer and refresh, on one port, until Ctrl-C."""
    from cli.serving import bring_up

    raise typer.Exit(bring_up(settings_for(home, port=port), with_prefect=prefect))


@app.command(epilog="Example: imo360 serve --port 8360 --workers 2")
def serve(
    home: HomeOption = None,
    port: PortOption = None,
    workers: Annotated[
        int, typer.Option(help="API processes on one port and one journal.", min=1)
    ] = 1,
    socket: Annotated[int | None, typer.Option(hidden=True)] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve the API and the explorer alone; `imo360 work` or `imo360 refresh` publish."""
    from cli.serving import serve_alone, serve_share

    settings = settings_for(home, port=port)
    if socket is not None:
        raise typer.Exit(serve_share(settings, socket, parent))
    raise typer.Exit(serve_alone(settings, workers))


@app.command(epilog="Example: imo360 seal")
def seal(
    home: HomeOption = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Bring journaled events into the lake until Ctrl-C; `up` and `serve` do so themselves."""
    from cli.sealing import seal_on
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    seal_on(settings, parent=parent)


@app.command(epilog="Example: imo360 work")
def work(
    home: HomeOption = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Refresh the market again and again, until Ctrl-C."""
    from cli.working import work_on
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    work_on(settings, parent=parent)


@app.command(epilog="Example: imo360 refresh --home data/var")
def refresh(
    home: HomeOption = None,
    prefect: Annotated[
        bool, typer.Option("--prefect", help="Start a Prefect server for this run if none answers.")
    ] = False,
) -> None:
    """Publish everything acknowledged so far; joins a worker that runs already."""
    from cli.working import refresh_once
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    done = refresh_once(settings, with_prefect=prefect)
    if done.stopped_by:
        _say(f"imo360: loaded, but not published: {', '.join(done.stopped_by)}")
        raise typer.Exit(1)
    typer.echo(
        f"publication {done.publication}, edition {done.edition}, "
        f"everything up to offset {done.target_offset} is published"
        + (" (by the worker that was running)" if done.is_joined else "")
    )


@app.command(epilog="Example: imo360 retrain --if-due")
def retrain(
    home: HomeOption = None,
    if_due: Annotated[
        bool, typer.Option("--if-due", help="Only on a new day, with other zones, or after growth.")
    ] = False,
) -> None:
    """Make the next edition of the models now; the worker, or the next refresh, applies it."""
    from cli.working import retrain_now
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    reason = retrain_now(settings, if_due=if_due)
    typer.echo("nothing to make" if reason is None else f"made an edition: {reason}")


@app.command(epilog="Example: imo360 replay --listing my-crm:AP-1024 --what-if")
def replay(
    home: HomeOption = None,
    from_offset: Annotated[
        int | None, typer.Option("--from", help="Only listings with an event from there on.", min=1)
    ] = None,
    provider: Annotated[str | None, typer.Option(help="Only listings of this provider.")] = None,
    listing: Annotated[str | None, typer.Option(help="Only this PROVIDER:EXTERNAL_ID.")] = None,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Say what would differ, and change nothing.")
    ] = False,
) -> None:
    """Rebuild the market from the raw lake, beside the current one, and swap."""
    from cli.working import replay_all, replay_scope, replay_what_if
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    scope = replay_scope(settings, from_offset, provider, listing)
    if what_if:
        for line in replay_what_if(settings, scope):
            typer.echo(line)
    else:
        typer.echo(f"readers now use {replay_all(settings, scope)}")


@app.command(epilog="Example: imo360 migrate --home data/var")
def migrate(home: HomeOption = None) -> None:
    """Create the home if need be, bring its schemas up to date, load zones and rates once."""
    from cli.starting import start_home

    for done in start_home(settings_for(home)):
        typer.echo(f"{done.name}: {done.before or 'empty'} -> {done.after}")


@app.command(epilog="Example: imo360 tables")
def tables(home: HomeOption = None) -> None:
    """List the tables with their rows and what they hold."""
    from cli.tables import list_tables
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    for line in list_tables(settings):
        typer.echo(line)


@app.command(epilog="Example: imo360 export market_scores --format csv -o scores.csv")
def export(
    table: Annotated[str, typer.Argument(help="Table, as `imo360 tables` names it.")],
    home: HomeOption = None,
    format: Annotated[str, typer.Option(help="jsonl, csv or parquet.")] = "jsonl",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File; standard output without.")
    ] = None,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
) -> None:
    """Write a table's rows; of core_listing_versions also those as of an instant."""
    from cli.tables import export_table
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    export_table(settings, table, format, output, as_of, known_at)


@app.command(
    "import", epilog="Example: imo360 import listings.csv --map listings.toml --provider my-crm"
)
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, JSON lines or Parquet.")],
    map: Annotated[Path, typer.Option(help="TOML: which column becomes which field.")],
    provider: Annotated[str, typer.Option(help="providerIdentifier of every listing.")],
    key: KeyOption,
    url: Annotated[str, typer.Option(help="Address of the API.")] = "http://127.0.0.1:8360",
    format: Annotated[
        str | None, typer.Option(help="csv, jsonl or parquet; else the suffix says it.")
    ] = None,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Withdraw what the file does not hold.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only; take nothing.")] = False,
) -> None:
    """Post a file of listings; refused rows are told in FILE.refused.csv. Safe to run again."""
    from cli.importing import ImportOrder, ImportStoppedError, run_import

    order = ImportOrder(file, map, provider, format)
    try:
        is_whole = run_import(order, url, key, typer.echo, is_snapshot=snapshot, is_dry=dry_run)
    except ImportStoppedError as stopped:
        _say(f"imo360: {stopped}")
        raise typer.Exit(1) from None
    raise typer.Exit(0 if is_whole else 1)


@app.command(epilog="Example: imo360 conformance --base http://127.0.0.1:8360")
def conformance(
    base: Annotated[str, typer.Option(help="Address of the API.")],
    key: KeyOption,
    provider: Annotated[
        str | None, typer.Option(help="Provider to use, for a key that may not claim a new one.")
    ] = None,
    admin_email: Annotated[
        str | None, typer.Option(help="An admin, for the checks that need several keys.")
    ] = None,
    admin_password: Annotated[
        str | None, typer.Option(envvar="IMO360_ADMIN_PASSWORD", hidden=True)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """Check an integration API: does it do what the documents say? Deletes what it makes."""
    from cli.conformance import check_api
    from client.conformance.subject import Admin
    from client.errors import UnreachableError

    given = admin_email is not None and admin_password is not None
    admin = Admin(admin_email or "", admin_password or "") if given else None
    try:
        is_conformant = check_api(base, key, provider, admin, typer.echo, is_json=json)
    except UnreachableError as away:
        _say(f"imo360: {away}")
        raise typer.Exit(1) from None
    raise typer.Exit(0 if is_conformant else 1)


@app.command(epilog="Example: imo360 history my-crm:AP-1024 --as-of 2026-06-30")
def history(
    listing: Annotated[str, typer.Argument(help="PROVIDER:EXTERNAL_ID.")],
    home: HomeOption = None,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """Tell a listing's past: revisions, prices, statuses, sources, and the figures it counts in."""
    from cli.history import history_lines
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    for line in history_lines(settings, listing, as_of, known_at, is_json=json):
        typer.echo(line)


@app.command(epilog="Example: imo360 status --json")
def status(
    home: HomeOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """Say how far everything is, what waits, and how long posts took to be seen."""
    from cli.status import status_lines
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    for line in status_lines(settings, _now(), is_json=json):
        typer.echo(line)


@app.command(epilog="Example: imo360 contracts market_zones")
def contracts(
    table: Annotated[str | None, typer.Argument(help="Published table; all without.")] = None,
) -> None:
    """Print what published tables promise, as Open Data Contract Standard documents."""
    from cli.contracts import contract_document

    typer.echo(contract_document(table))


@app.command(epilog="Example: imo360 check")
def check(home: HomeOption = None) -> None:
    """Hold every published row to its contract; exit code 1 when a severe rule is broken."""
    from cli.contracts import check_published
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    lines, is_well = check_published(settings)
    for line in lines:
        typer.echo(line)
    raise typer.Exit(0 if is_well else 1)


@app.command(epilog="Example: imo360 doctor --repair")
def doctor(
    home: HomeOption = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what nothing is lost by, then look again.")
    ] = False,
    rebuild_catalogue: Annotated[
        bool,
        typer.Option("--rebuild-catalogue", help="Catalogue the lake's files anew, then look."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """Look at everything a home holds; say what is wrong and what mends it."""
    from cli.care import see_doctor

    is_well = see_doctor(
        settings_for(home), _now(), typer.echo,
        repair=repair, catalogue=rebuild_catalogue, is_json=json,
    )  # fmt: skip
    raise typer.Exit(0 if is_well else 1)


@app.command(epilog="Example: imo360 backup /mnt/backup/imo360")
def backup(
    folder: Annotated[Path, typer.Argument(help="Folder to make, or of an earlier backup.")],
    home: HomeOption = None,
    market: Annotated[
        bool, typer.Option("--market/--no-market", help="Copy the market's tables, too.")
    ] = True,
) -> None:
    """Copy a home while it runs; again into the same folder copies what is new."""
    from cli.care import make_backup

    make_backup(settings_for(home), folder, _now(), typer.echo, with_market=market)


@app.command(epilog="Example: imo360 restore /mnt/backup/imo360 --home data/restored")
def restore(
    folder: Annotated[Path, typer.Argument(help="Folder of a backup.")],
    home: HomeOption = None,
) -> None:
    """Make a home of a backup, checking every file; there must be none yet."""
    from cli.care import make_restore

    make_restore(settings_for(home), folder, typer.echo)


@app.command(epilog="Example: imo360 digests")
def digests(home: HomeOption = None) -> None:
    """Print the digest of each published table: equal digests, equal tables."""
    from store.database import open_warehouse_reader
    from store.digests import published_digests
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    for name, value in published_digests(open_warehouse_reader(settings)).items():
        typer.echo(f"{value}  {name}")


@zones_app.command("load", epilog="Example: imo360 zones load my-zones.geojson")
def load_zones(
    file: Annotated[Path, typer.Argument(help="GeoJSON FeatureCollection of polygons.")],
    home: HomeOption = None,
) -> None:
    """Use these zones instead of the present ones; the next refresh places everything anew."""
    from cli.starting import start_home
    from flows.steps.reference import load_zone_file

    settings = settings_for(home)
    start_home(settings)
    typer.echo(f"{load_zone_file(settings, file, _now())} zones loaded; run `imo360 refresh`")


@rates_app.command("load", epilog="Example: imo360 rates load rates.csv")
def load_rates(
    file: Annotated[Path, typer.Argument(help="CSV: currency,rate_date,units_per_eur.")],
    home: HomeOption = None,
) -> None:
    """Add dated euro rates; they apply to what is received from now on."""
    from cli.starting import start_home
    from flows.steps.reference import load_rates as load

    settings = settings_for(home)
    start_home(settings)
    typer.echo(f"{load(settings, file, _now())} rates loaded")


def run() -> None:
    """Run the command; turn what a user can mend into one line and exit code 2."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s"
    )
    for noisy in ("alembic", "httpx", "prefect"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    from cli.refusals import refusal_line
    from store.crash_points import expect_known_point

    try:
        expect_known_point()
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as problem:
        line = refusal_line(problem)
        if line is None:
            raise
        _say(f"imo360: {line}")
        sys.exit(2)


if __name__ == "__main__":
    run()
