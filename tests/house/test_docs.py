"""The documents say what the code does: settings, commands, tables, links, names of reasons."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from analytics.quality import doubts, parts
from cli.documents import comment_parts, tables_page
from cli.main import app
from flows.steps.fetch_images import FetchReason
from flows.steps.normalise import RULES
from flows.steps.parties import AGENT_CONTACTS_DIFFER
from store.pictures import PictureReason
from store.settings import Settings
from store.tables.journal import JOURNAL
from store.tables.warehouse import PUBLISHED, WAREHOUSE

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
PAGES = sorted(
    [*PROJECT.glob("*.md"), *DOCS.rglob("*.md"), PROJECT / "data" / "README.md"],
    key=lambda page: page.relative_to(PROJECT).as_posix(),
)
TEXTS = {page.relative_to(PROJECT).as_posix(): page.read_text() for page in PAGES}
TABLES = {**JOURNAL.tables, **WAREHOUSE.tables}

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PICTURE_BYTES = 300_000
OF_OPTIONS = {"IMO360_KEY", "IMO360_ADMIN_PASSWORD"}
"""Variables that stand for an option of a command: secrets, which no argument should hold."""
OF_TESTS = {
    "IMO360_CONTRACT_EXAMPLES", "IMO360_CONTRACT_SEED", "IMO360_TEST_BULK_KILLS",
    "IMO360_TEST_BULK_KILLS_POSTS", "IMO360_TEST_CUTS", "IMO360_TEST_CUT_POSTS",
    "IMO360_TEST_KILLS",
}  # fmt: skip
"""Variables that make a loop of the tests longer. The Makefile sets them, a developer may."""


def shown(default: object) -> str:
    """Return a setting's default as docs/settings.md writes it."""
    if default is None:
        return "not set"
    if default == frozenset():
        return "empty"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def commands() -> Iterator[str]:
    """Walk the command and its groups, as a user types them."""

    def walk(command: Any, path: str) -> Iterator[str]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield path
        for name, each in (inner or {}).items():
            yield from walk(each, f"{path} {name}")

    return walk(get_command(app), "imo360")


def code_of(text: str) -> str:
    """Return what stands in fences and between backticks, a piece a line."""
    fenced = [block.split("\n", 1)[1] for block in FENCE.findall(text)]
    return "\n".join([*fenced, *re.findall(r"`([^`\n]+)`", FENCE.sub("", text))])


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


COMMANDS = sorted(commands())
EVERY_CODE = "\n".join(code_of(text) for text in TEXTS.values())


def test_every_setting_and_its_default_are_told() -> None:
    rows = re.findall(r"^\| `(IMO360_\w+)` \| (.+?) \|", TEXTS["docs/settings.md"], re.MULTILINE)
    assert dict(rows) == {
        f"IMO360_{name.upper()}": shown(field.default)
        for name, field in Settings.model_fields.items()
    }


def test_no_page_names_a_setting_that_is_not_there() -> None:
    known = {f"IMO360_{name.upper()}" for name in Settings.model_fields} | OF_OPTIONS | OF_TESTS
    named = {name for text in TEXTS.values() for name in re.findall(r"\bIMO360_[A-Z_]+\b", text)}
    assert named <= known


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_told(command: str) -> None:
    assert re.search(rf"(^|/){command}\b", EVERY_CODE, re.MULTILINE)


def test_no_page_names_a_command_that_is_not_there() -> None:
    used = re.findall(r"(?:^|[/(])imo360 ([a-z]+(?: [a-z]+)?)", EVERY_CODE, re.MULTILINE)
    known = {command.removeprefix("imo360 ") for command in COMMANDS}
    groups = {command.split()[0] for command in known}
    unknown = {words for words in used if words not in known and words.split()[0] not in groups}
    assert unknown == set()


def test_every_command_shows_an_example() -> None:
    def walk(command: Any) -> Iterator[Any]:
        yield from [command] if not hasattr(command, "commands") else []
        for each in getattr(command, "commands", {}).values():
            yield from walk(each)

    assert isinstance(app, typer.Typer)
    assert [each.name for each in walk(get_command(app)) if "Example: " not in each.epilog] == []


def test_the_tables_page_is_what_the_declarations_make() -> None:
    assert TEXTS["docs/tables.md"] == tables_page(), "run `python -m cli.documents`"


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_published_table_is_told_with_all_its_columns(name: str) -> None:
    section = TEXTS["docs/tables.md"].split(f"\n## {name}\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == PUBLISHED[name].columns.keys()


def test_a_comment_falls_into_its_parts() -> None:
    said = "Values. Grain: listing. Writer: publish. Nuance: a rent is a month's: no more."
    assert comment_parts(said) == {
        "Purpose": "Values.",
        "Grain": "listing.",
        "Writer": "publish.",
        "Nuance": "a rent is a month's: no more.",
    }


@pytest.mark.parametrize("page", sorted(TEXTS))
def test_tables_and_columns_named_in_code_are_there(page: str) -> None:
    pattern = r"^((?:market|core|ingest)_[a-z_]+)(?:\.([a-z_0-9]+))?$"
    named = re.findall(pattern, code_of(TEXTS[page]), re.MULTILINE)
    columns = {name for table in TABLES.values() for name in table.columns}
    for table, column in named:
        is_room = (PROJECT / table).is_dir()
        assert is_room or table in TABLES or table in columns, f"{page}: {table}"
        assert not column or column in TABLES[table].columns, f"{page}: {table}.{column}"


@pytest.mark.parametrize("page", sorted(TEXTS))
def test_relative_links_lead_somewhere(page: str) -> None:
    for link in LINK.findall(FENCE.sub("", TEXTS[page])):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (PROJECT / page).parent / path if path else PROJECT / page
        assert target.exists(), f"{page}: {link}"
        assert not anchor or anchor in anchors(target.read_text()), f"{page}: {link}"


def test_every_page_is_in_the_index() -> None:
    index = {(DOCS / link).resolve() for link in LINK.findall(TEXTS["docs/README.md"])}
    assert {page for page in DOCS.rglob("*.md") if page.resolve() not in index} == {
        DOCS / "README.md"
    }


def test_make_has_the_targets_that_pages_name() -> None:
    named = set(re.findall(r"^make ([a-z-]+)", EVERY_CODE, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert named
    assert named <= targets


def test_every_reason_for_a_refusal_is_told() -> None:
    told = set(re.findall(r"`(\w+)`", TEXTS["docs/data-team.md"]))
    assert {AGENT_CONTACTS_DIFFER, *(rule.code for rule in RULES)} <= told
    assert {str(reason) for reason in [*FetchReason, *PictureReason]} <= told


def test_every_reason_for_less_quality_is_told() -> None:
    told = set(re.findall(r"`(\w+)`", TEXTS["docs/analyst.md"]))
    assert {code for part in parts() for code in part.codes} <= told
    assert {doubt.code for doubt in doubts()} <= told


def test_the_first_listing_is_that_of_the_partners_page() -> None:
    bodies = [
        re.search(r"-d '(\{.*?\n +\})'", TEXTS[page], re.DOTALL)
        for page in ("README.md", "docs/partners.md")
    ]
    first, second = (body[1] if body else None for body in bodies)
    assert first is not None
    assert first == second


def test_the_picture_is_small() -> None:
    assert 10_000 < (DOCS / "images" / "explorer.png").stat().st_size < PICTURE_BYTES
