"""What `imo360 history` prints: a listing's past on both times, and the figures it counts in."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from typing import Any

from cli.wrong_use import WrongUseError
from store.database import open_warehouse_reader, reading
from store.history_reader import ListingHistory, Version, find_listing, read_history
from store.settings import Settings


def read_instant(text: str | None) -> datetime | None:
    """Read an instant (UTC unless it says otherwise) or a day, which means its end."""
    if text is None:
        return None
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUseError(f"{text} is neither a day nor an instant in ISO 8601") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def history_lines(
    settings: Settings, identifier: str, as_of: str | None, known_at: str | None, *, is_json: bool
) -> list[str]:
    """Return the lines to print. Raises WrongUseError for a listing that was never loaded."""
    provider, _, external_id = identifier.partition(":")
    effective_at, recorded_at = read_instant(as_of), read_instant(known_at)
    with reading(open_warehouse_reader(settings)) as connection:
        listing_id = find_listing(connection, provider, external_id)
        if listing_id is None:
            raise WrongUseError(f"no listing {identifier} was ever loaded: PROVIDER:EXTERNAL_ID")
        history = read_history(connection, listing_id, effective_at, recorded_at)
    if is_json:
        return [json.dumps(asdict(history), indent=2, default=_plain)]
    return list(_lines(identifier, history))


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


def _lines(identifier: str, history: ListingHistory) -> Iterator[str]:
    yield f"{identifier} is listing {history.id}"
    yield ""
    yield "revisions"
    for version in history.versions:
        yield f"  {_version(version)}"
    yield "prices"
    for row in history.prices:
        change = "" if row["change_pct"] is None else f"  {row['change_pct']:+.2f} %"
        yield f"  r{row['revision']:<4} {_at(row['effective_at'])}  {_money(row)}{change}"
    yield "statuses"
    for row in history.statuses:
        yield f"  r{row['revision']:<4} {_at(row['effective_at'])}  {row['status']}"
    if history.refusals:
        yield "refused, blanked or warned of"
        for row in history.refusals:
            yield (
                f"  offset {row['event_offset']}  {row['severity']}  {row['rule_code']}: "
                f"{row['message']}"
            )
    yield "fields, and the event each came with"
    for name, source in history.sources.items():
        rule = f"  taken away by {source.rule_code}" if source.rule_code else ""
        yield f"  {name:<24} r{source.revision:<4} {source.event_id}{rule}"
    yield "zone figures it counts in"
    for row in history.figures:
        yield f"  {_figure(row)}"


def _version(version: Version) -> str:
    until = _at(version.valid_to) if version.valid_to else "now"
    changed = "first" if version.revision == 1 else ", ".join(version.changed)
    return (
        f"r{version.revision:<4} {_at(version.valid_from)} to {until}, known since "
        f"{_at(version.recorded_at)}, event {version.event_id}: {version.status}, "
        f"{_money({'price': version.price, 'currency': version.currency})} ({changed})"
    )


def _money(row: Mapping[str, Any]) -> str:
    return "no price" if row["price"] is None else f"{row['price']:,.0f} {row['currency']}"


def _figure(row: Mapping[str, Any]) -> str:
    bands = "/".join(row[name] for name in ("type", "rooms_band", "age_band"))
    of = f"{row['zone_name']} ({row['level']}) {row['transaction']} {bands}"
    if row["median_price_per_m2"] is None:
        return f"{of}: {row['n']} homes, too few for a median"
    return (
        f"{of}: median {row['median_price_per_m2']:,.0f} {row['currency']}/m2 "
        f"[{row['median_low']:,.0f} to {row['median_high']:,.0f}], {row['n']} homes, "
        f"as of {row['as_of_date']}, publication {row['publication']}"
    )


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
