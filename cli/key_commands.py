"""`imo360 keys`: API keys of partners, on the command line."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.options import HomeOption, settings_for

keys_app = typer.Typer(help="API keys of partners.", no_args_is_help=True)

KeyArgument = Annotated[str, typer.Argument(help="The key, or its lookup part.")]


def _now() -> datetime:
    return datetime.now(UTC)


@keys_app.command(
    "create", epilog='Example: imo360 keys create --partner "My CRM" --permission publish.estates'
)
def create_key(
    partner: Annotated[str, typer.Option(help="Company that will hold the key.")],
    permission: Annotated[list[str], typer.Option(help="May be given several times.")],
    provider: Annotated[
        list[str] | None, typer.Option(help="Bind to these providers; any free one without.")
    ] = None,
    expires_at: Annotated[
        str | None, typer.Option(help="RFC 3339 instant from which the key is refused.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What it is called; the partner's name.")] = None,
    environment: Annotated[
        str, typer.Option(help="live, or sandbox: posts of a rehearsal that nobody sees.")
    ] = "live",
    rate_per_minute: Annotated[
        int | None, typer.Option(help="Items a minute; no limit without.")
    ] = None,
    rate_burst: Annotated[
        int | None, typer.Option(help="Most items at once; as many as a minute's without.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Make an API key and print it; it is not shown again."""
    from cli.keys import environment_of, make_key
    from cli.starting import start_home

    settings = settings_for(home)
    kind = environment_of(environment)
    start_home(settings)
    key = make_key(
        settings, partner, permission, provider, expires_at, _now(),
        name=name, environment=kind, rate_per_minute=rate_per_minute, rate_burst=rate_burst,
    )  # fmt: skip
    typer.echo(key)


@keys_app.command("list", epilog="Example: imo360 keys list")
def list_keys(home: HomeOption = None) -> None:
    """List the keys, without their secrets: tab-separated, under a line of headings."""
    from cli.keys import key_lines
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    for line in key_lines(settings, _now()):
        typer.echo(line)


@keys_app.command("rotate", epilog="Example: imo360 keys rotate kGNi1nW0qJ0a --overlap-hours 48")
def rotate_key(
    key: KeyArgument,
    overlap_hours: Annotated[
        float, typer.Option(help="How long the present secret still holds.", min=0, max=168)
    ] = 24,
    home: HomeOption = None,
) -> None:
    """Give a key a new secret and print it; it is not shown again."""
    from cli.keys import renew_key
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    typer.echo(renew_key(settings, key, overlap_hours, _now()))


@keys_app.command("revoke", epilog="Example: imo360 keys revoke kGNi1nW0qJ0a")
def revoke_key(key: KeyArgument, home: HomeOption = None) -> None:
    """End a key with the next request."""
    from cli.keys import end_key
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    end_key(settings, key, _now())
    typer.echo("revoked", err=True)
