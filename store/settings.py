"""The settings: built once at an entry point, frozen, passed down as an argument.

Each field is read from the environment as `IMO360_<NAME>` or from a `.env` file in the
working folder. docs/settings.md lists them all; a test fails when one is missing there.
"""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """Everything that may differ between two homes."""

    model_config = SettingsConfigDict(
        env_prefix="IMO360_", env_file=".env", extra="ignore", frozen=True
    )

    home: Path = Field(Path("data/var"), description="folder that holds all state")
    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL database (`postgresql://…`) that holds journal and warehouse; "
        "else they are SQLite files in the home",
    )
    host: str = Field("127.0.0.1", description="address the API and the explorer listen on")
    port: int = Field(8360, ge=0, le=65535, description="port of API and explorer; 0 = any free")
    api_processes: int = Field(
        1, ge=1, description="API processes of this home; each holds its share of a key's rate"
    )
    snapshot_brake_pct: float = Field(
        20.0,
        ge=0,
        le=100,
        description="share of a provider's listings above which closing a snapshot is held",
    )
    snapshot_brake_listings: int = Field(
        10, ge=0, description="fewest listings whose withdrawal by a snapshot is ever held"
    )
    image_hosts: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(),
        description="hosts (`host` or `host:port`, comma-separated) pictures are fetched from",
    )
    image_timeout_seconds: float = Field(
        20.0, gt=0, description="longest time one picture may take to arrive"
    )
    as_of_date: date | None = Field(
        None, description="look at the market from this day instead of today (historic loads)"
    )
    seal_seconds: float = Field(
        1.0, gt=0, description="longest time an event waits in the journal before it is sealed"
    )
    journal_keep_hours: float = Field(
        24.0, ge=0, description="how long sealed and verified events stay in the journal"
    )
    batch_events: int = Field(
        20_000, ge=1, description="most events one refresh cycle takes from the lake"
    )
    cycle_seconds: float = Field(0.1, gt=0, description="shortest time between refresh cycles")
    window_minutes: float = Field(
        5.0, gt=0, description="length of the refresh loop that one Prefect run observes"
    )
    retrain_growth: float = Field(
        0.25, gt=0, description="growth of the listings since the last edition that retrains"
    )
    exports_kept: int = Field(3, ge=1, description="publications whose Parquet exports are kept")
    mode: Literal["development", "production"] = Field(
        "development", description="production refuses to serve with a weak or absent jwt_secret"
    )
    jwt_secret: SecretStr | None = Field(
        None, description="signs the tokens of people who log in; else one is made in the home"
    )
    jwt_minutes: float = Field(60.0, gt=0, description="how long such a token holds")
    admin_password: SecretStr | None = Field(
        None, description="password that `imo360 admin create` and `admin password` set"
    )

    @field_validator("database_url")
    @classmethod
    def _expect_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        if not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        return value

    @field_validator("image_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(host.strip().lower() for host in value.split(",") if host.strip())
        return value
