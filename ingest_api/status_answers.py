"""What the platform says of itself: metrics as Prometheus reads them, and a page for people."""

from collections.abc import Iterator, Mapping
from html import escape

from store.delays import Delays
from store.status import Status

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

LATE_SECONDS = 5.0
"""A lag above this is marked on the page."""

SHARES = {"0.5": "p50_ms", "0.95": "p95_ms", "0.99": "p99_ms"}


def metrics_text(status: Status) -> str:
    """Return the metrics in Prometheus' text format; seconds, bytes and counts."""
    return "".join(f"{line}\n" for line in _metrics(status))


def _metrics(status: Status) -> Iterator[str]:
    lag = status.lag
    counters = {
        "events_acknowledged_total": ("Events answered with 2xx.", lag.acknowledged),
        "events_sealed_total": ("Events in the lake.", status.sealed),
        "events_loaded_total": ("Events in the core tables.", lag.loaded),
        "events_published_total": ("Events in the market tables.", lag.published),
    }
    for name, (about, value) in counters.items():
        yield from _metric(name, "counter", about, {"": value})
    run = lag.last_run
    gauges: dict[str, tuple[str, float]] = {
        "events_waiting": ("Events acknowledged and not published.", lag.waiting),
        "lag_seconds": ("How long the oldest of them has waited.", round(lag.lag_seconds, 3)),
        "publication": ("Number of the newest publication.", run.publication if run else 0),
        "edition": ("Edition it applied.", run.edition if run else 0),
        "last_published_timestamp_seconds": (
            "When it was published.", run.published_at.timestamp() if run else 0,
        ),
        "publication_stopped": ("1 while a severe check stops publication.", lag.is_stopped),
        "worker_running": ("1 while a worker holds the lease.", status.is_worker_running),
        "listings": ("Listings, deleted ones too.", status.listings),
        "pictures_pending": ("Pictures without a verdict.", status.pictures_pending),
        "refused_at_door_24h": ("Refused by the API in 24 hours.", status.refused_at_door_24h),
        "disk_free_bytes": ("Room on the disk of the home.", status.disk_free_bytes),
    }  # fmt: skip
    for name, (about, number) in gauges.items():
        yield from _metric(name, "gauge", about, {"": float(number)})
    yield from _metric(
        "refused_in_flow", "gauge", "Rows refused, blanked or warned of in the flow, by rule.",
        {f'{{rule="{rule}"}}': count for rule, count in status.refused_in_flow.items()},
    )  # fmt: skip
    yield from _metric(
        "delay_seconds", "gauge",
        "Delay since receipt of the events that reached a stage within 5 minutes.",
        _quantiles(status.delays["5 min"]),
    )  # fmt: skip


def _quantiles(stages: Mapping[str, Delays]) -> dict[str, float]:
    return {
        f'{{stage="{stage}",quantile="{share}"}}': getattr(delays, name) / 1000
        for stage, delays in stages.items()
        if delays.events
        for share, name in SHARES.items()
    }


def _metric(name: str, kind: str, about: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP imo360_{name} {about}"
    yield f"# TYPE imo360_{name} {kind}"
    for labels, value in values.items():
        yield f"imo360_{name}{labels} {value:.17g}"


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733; background: #f5f7f9; margin: 0; }
main { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; background: #fff; }
th, td { text-align: left; padding: .4rem .7rem; border-bottom: 1px solid #dde3e9; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.state { display: inline-block; padding: .3rem .8rem; border-radius: 1rem; font-weight: 600; }
.good { background: #d9f2e3; color: #0b5c32; } .bad { background: #fbdcd9; color: #8c1a11; }
p.small { color: #5b6b7b; }
@media (prefers-color-scheme: dark) {
  body { color: #dfe6ee; background: #11181f; } table { background: #18222c; }
  th, td { border-color: #2b3947; } .good { background: #0d4427; color: #b9efd0; }
  .bad { background: #5e1510; color: #ffd6d2; } p.small { color: #93a4b5; }
}
"""


def status_page(status: Status) -> str:
    """Return the page: what state the platform is in, how late it is, what was refused."""
    lag, run = status.lag, status.lag.last_run
    facts = [
        ("Events acknowledged", f"{lag.acknowledged:,}"),
        ("in the lake", f"{status.sealed:,}"),
        ("loaded", f"{lag.loaded:,}"),
        ("published", f"{lag.published:,}"),
        ("waiting", f"{lag.waiting:,}"),
        ("oldest of them waits", f"{lag.lag_seconds:,.1f} s"),
        ("Publication", f"{run.publication:,}, edition {run.edition}" if run else "none yet"),
        ("published", f"{run.published_at:%Y-%m-%d %H:%M:%S} UTC" if run else "—"),
        ("by run", run.run_id if run else "—"),
        ("Worker", "running" if status.is_worker_running else "not running"),
        ("Listings", f"{status.listings:,}"),
        ("Pictures pending", f"{status.pictures_pending:,}"),
        ("Refused at the door, 24 h", f"{status.refused_at_door_24h:,}"),
        ("Disk free", f"{status.disk_free_bytes / 2**30:,.1f} GiB"),
    ]
    is_good, state = _state(status)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="refresh" content="5"><title>imo360 status</title>'
        f"<style>{STYLE}</style></head><body><main><h1>imo360 status</h1>"
        f'<p><span class="state {"good" if is_good else "bad"}">{escape(state)}</span></p>'
        f"<table>{_rows(facts)}</table>"
        "<h2>From posted to visible</h2>"
        f"<table>{_delay_rows(status.delays)}</table>"
        "<p class=small>Milliseconds since an event was received; percentiles over all events that "
        "reached the stage in that time. Taken: a cycle read it. Computed: every figure it moves "
        "is. Visible: its publication is committed.</p>"
        f"<h2>Refused, blanked or warned of in the flow</h2><table>{_refused(status)}</table>"
        f'<p class="small">As of {lag.now:%Y-%m-%d %H:%M:%S} UTC; this page looks again every '
        "5 seconds. For machines: <code>/metrics</code>, <code>/readyz</code>.</p>"
        "</main></body></html>"
    )


def _state(status: Status) -> tuple[bool, str]:
    lag = status.lag
    if lag.is_stopped:
        return False, "A severe check stops publication"
    if not status.is_worker_running:
        return lag.waiting == 0, "No worker is running"
    if lag.lag_seconds > LATE_SECONDS:
        return False, f"Late by {lag.lag_seconds:,.0f} s"
    return True, "Up to date"


def _rows(facts: list[tuple[str, str]]) -> str:
    return "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="n">{escape(value)}</td></tr>'
        for name, value in facts
    )


def _delay_rows(windows: Mapping[str, Mapping[str, Delays]]) -> str:
    head = "".join(
        f'<th scope="col"{"" if name in ("last", "stage") else " class=n"}>{name}</th>'
        for name in ("last", "stage", "events", "p50", "p95", "p99", "largest")
    )
    body = "".join(
        f'<tr><td>{window}</td><td>{stage}</td><td class="n">{delays.events:,}</td>'
        + "".join(
            f'<td class="n">{"—" if ms is None else f"{ms:,}"}</td>'
            for ms in (delays.p50_ms, delays.p95_ms, delays.p99_ms, delays.max_ms)
        )
        + "</tr>"
        for window, stages in windows.items()
        for stage, delays in stages.items()
    )
    return f"<tr>{head}</tr>{body}"


def _refused(status: Status) -> str:
    refused = [(rule, f"{count:,}") for rule, count in status.refused_in_flow.items()]
    return _rows(refused or [("nothing", "0")])
