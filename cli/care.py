"""Care of a home: what the doctor says, backups made and restored, told on the terminal."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from cli.options import progress_bars
from store.backup import NOT_REBUILT, Backup, back_up, restore
from store.doctor import BAD, Finding, examine, mend, rebuild_catalogue
from store.settings import Settings

Say = Callable[[str], None]

MARKS = {"ok": "ok     ", "warning": "warning", "bad": "BAD    "}


def see_doctor(
    settings: Settings, now: datetime, say: Say, *, repair: bool, catalogue: bool, is_json: bool
) -> bool:
    """Mend if asked to, then say what is found; return whether nothing bad is left."""
    done = rebuild_catalogue(settings, now) if catalogue else []
    done += mend(settings, now) if repair else []
    findings = examine(settings, now)
    if is_json:
        told = {"mended": done, "findings": [asdict(finding) for finding in findings]}
        say(json.dumps(told, indent=2))
    else:
        for line in [*done, *map(_line, findings)]:
            say(line)
    return all(finding.level != BAD for finding in findings)


def _line(finding: Finding) -> str:
    mends = f" -- mend with: {finding.mends}" if finding.mends else ""
    return f"{MARKS[finding.level]} {finding.look}: {finding.message}{mends}"


def make_backup(
    settings: Settings, folder: Path, now: datetime, say: Say, *, with_market: bool
) -> None:
    """Back up with a progress bar, and say what is in it that nothing else holds."""
    with progress_bars() as bars:
        task = bars.add_task("files", total=None)
        made = back_up(
            settings, folder, now, with_market=with_market,
            on_file=lambda done, count: bars.update(task, completed=done, total=count),
        )  # fmt: skip
    say(_told(made, f"{made.copied} new"))
    say("in it, and in nothing a replay reads:")
    for what, why in NOT_REBUILT.items():
        say(f"  {what}: {why}")


def make_restore(settings: Settings, folder: Path, say: Say) -> None:
    """Restore with a progress bar, and say what is next."""
    with progress_bars() as bars:
        task = bars.add_task("files", total=None)
        made = restore(
            settings, folder,
            lambda done, count: bars.update(task, completed=done, total=count),
        )  # fmt: skip
    say(_told(made, "checked"))
    if made.publication is None:
        say("it holds no market: `imo360 migrate`, then `imo360 refresh` builds it")


def _told(made: Backup, how: str) -> str:
    market = "no market" if made.publication is None else f"publication {made.publication}"
    return (
        f"{made.folder}: {made.files} files ({how}), {made.bytes / 2**20:,.1f} MiB, "
        f"everything up to offset {made.last_offset}, {market}"
    )
