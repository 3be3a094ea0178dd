"""Starting a home: schemas, then the zones and rates that ship with imo360, once."""

from datetime import UTC, datetime

from store.home import Home, locked
from store.raw_lake import RawLake
from store.schema import Migrated, migrate
from store.settings import Settings


def start_home(settings: Settings) -> list[Migrated]:
    """Create or upgrade the home; a new one gets its zones and rates. Safe to run twice."""
    done = migrate(settings)
    with locked(Home(settings.home).locks / "start.lock"):
        if RawLake(settings).last_offset() == 0:
            from flows.steps.reference import load_packaged

            load_packaged(settings, datetime.now(UTC))
    return done
