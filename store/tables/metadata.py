"""The two databases' catalogues of tables; the modules beside this one fill them."""

import sqlalchemy as sa

from store.tables.columns import NAMING

JOURNAL = sa.MetaData(naming_convention=NAMING)
"""`ingest_*` (`store.tables.journal`)."""

WAREHOUSE = sa.MetaData(naming_convention=NAMING)
"""`core_*` and `market_*` (`store.tables.warehouse`, which knows every module of it)."""
