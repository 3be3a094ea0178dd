"""`imo360 admin`: people who may log in, on the command line. Works offline.

A password is asked, or comes from a setting or a file: an argument would stand in the list of
processes and in the shell's history.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.options import HomeOption, settings_for

admin_app = typer.Typer(help="People who log in to manage keys.", no_args_is_help=True)

EmailOption = Annotated[str, typer.Option(help="Address to log in with.")]
PasswordFileOption = Annotated[
    Path | None,
    typer.Option(help="File that holds the password; else IMO360_ADMIN_PASSWORD, else asked."),
]


def _now() -> datetime:
    return datetime.now(UTC)


@admin_app.command("create", epilog="Example: imo360 admin create --email ana@example.com")
def create(
    email: EmailOption,
    role: Annotated[str, typer.Option(help="admin manages keys; member may not.")] = "admin",
    password_file: PasswordFileOption = None,
    home: HomeOption = None,
) -> None:
    """Make an account; there is no default one and no default password."""
    from cli.people import chosen_password, make_person, role_of
    from cli.starting import start_home

    settings = settings_for(home)
    kind = role_of(role)
    password = chosen_password(settings, password_file)
    start_home(settings)
    make_person(settings, email, password, kind, _now())
    typer.echo("created", err=True)


@admin_app.command("list", epilog="Example: imo360 admin list")
def list_accounts(home: HomeOption = None) -> None:
    """List the accounts: tab-separated, under a line of headings."""
    from cli.people import people_lines
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    for line in people_lines(settings, _now()):
        typer.echo(line)


@admin_app.command("disable", epilog="Example: imo360 admin disable --email ana@example.com")
def disable(email: EmailOption, home: HomeOption = None) -> None:
    """End an account and its tokens at once."""
    from cli.people import end_person
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    end_person(settings, email, _now())
    typer.echo("disabled", err=True)


@admin_app.command("password", epilog="Example: imo360 admin password --email ana@example.com")
def password(
    email: EmailOption, password_file: PasswordFileOption = None, home: HomeOption = None
) -> None:
    """Give an account another password; its tokens end at once."""
    from cli.people import chosen_password, renew_password
    from store.schema import expect_current

    settings = settings_for(home)
    expect_current(settings)
    renew_password(settings, email, chosen_password(settings, password_file), _now())
    typer.echo("changed", err=True)
