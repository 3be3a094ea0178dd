"""`imo360 import` against the running API: what is stored, counted and reported; exit codes."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.cli.conftest import Api, Call, Done
from tests.client.stand_in import StandIn

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
MAPPING = """
[fields]
externalId = "id"
title = "title"
price = "price"
[constants]
transaction = "SALE"
type = "HOUSE"
currency = "EUR"
"""


class Importing:
    """A folder with a mapping, and the command with everything but the file."""

    def __init__(self, api: Api, call: Call, provider: str, folder: Path) -> None:
        self.api, self.call, self.provider, self.folder = api, call, provider, folder
        self.key = api.make_key()
        self.url = f"http://127.0.0.1:{api.port}"
        (folder / "m.toml").write_text(MAPPING)

    def file(self, content: str, name: str = "a.csv") -> Path:
        path = self.folder / name
        path.write_text(content)
        return path

    def run(self, file: Path, *more: str) -> Done:
        return self.call(
            "import", str(file), "--map", str(self.folder / "m.toml"), "--provider",
            self.provider, "--url", self.url, "--key", self.key, *more,
        )  # fmt: skip

    def counts(self, done: Done) -> dict[str, int]:
        lines = (line.split() for line in done.stdout.splitlines())
        return {words[0]: int(words[1].replace(",", "")) for words in lines if words[0] in NAMES}


NAMES = ("rows", "sent", "created", "changed", "unchanged", "checked", "refused")


@pytest.fixture
def importing(api: Api, call: Call, provider: str, tmp_path: Path) -> Importing:
    return Importing(api, call, provider, tmp_path)


def refused(file: Path) -> list[dict[str, str]]:
    with Path(f"{file}.refused.csv").open(newline="") as report:
        return list(csv.DictReader(report))


def test_the_example_of_the_documents(importing: Importing) -> None:
    file = importing.folder / "listings.csv"
    shutil.copy(EXAMPLES / "listings.csv", file)
    shutil.copy(EXAMPLES / "listings.toml", importing.folder / "m.toml")
    done = importing.run(file)
    assert done.returncode == 0, done
    assert importing.counts(done) == {
        "rows": 3, "sent": 3, "created": 3, "changed": 0, "unchanged": 0, "refused": 0,
    }  # fmt: skip
    assert "warning" not in done.stdout
    stored = importing.api.stored(importing.provider, "A-1")
    assert stored is not None
    assert {name: stored[name] for name in ("price", "currency", "transaction", "totalArea",
            "publishedAt", "agency", "agent", "attributes")} == {
        "price": 185000, "currency": "EUR", "transaction": "SALE", "totalArea": 85.5,
        "publishedAt": "2026-03-01T09:00:00.000000Z", "agency": {"name": "VIB Imobiliare"},
        "agent": {"name": "Ana Popescu", "phone": "+40721000001"},
        "attributes": {"incalzire": "centrala proprie"},
    }  # fmt: skip
    assert len(stored["imageUrls"]) == 2
    second = importing.api.stored(importing.provider, "A-2")
    assert second is not None
    assert (second["price"], second["currency"]) == (1750, "RON")


def test_a_second_run_changes_nothing(importing: Importing) -> None:
    file = importing.file("id,title,price\n1,a,100\n2,b,200\n")
    assert importing.run(file).returncode == 0
    again = importing.run(file)
    assert again.returncode == 0
    assert importing.counts(again)["unchanged"] == 2
    file.write_text("id,title,price\n1,a,100\n2,b,250\n3,c,300\n")
    assert importing.counts(importing.run(file)) == {
        "rows": 3, "sent": 3, "created": 1, "changed": 1, "unchanged": 1, "refused": 0,
    }  # fmt: skip


def test_refused_rows_are_told_beside_the_file(importing: Importing) -> None:
    file = importing.file("id,title,price\n1,a,100\n2,,-5\n3,c,300,x\n4,d,400\n")
    done = importing.run(file)
    assert done.returncode == 1
    assert importing.counts(done) == {
        "rows": 4, "sent": 3, "created": 2, "changed": 0, "unchanged": 0, "refused": 2,
    }  # fmt: skip
    assert f"{file}.refused.csv" in done.stdout
    told = [(row["row"], row["externalId"], row["code"], row["field"]) for row in refused(file)]
    assert sorted(told) == [
        ("3", "2", "out_of_range", "price"),
        ("4", "", "unreadable_row", ""),
    ]
    file.write_text("id,title,price\n1,a,100\n")
    assert importing.run(file).returncode == 0
    assert refused(file) == []


def test_warnings_are_counted_by_code(importing: Importing) -> None:
    (importing.folder / "m.toml").write_text(
        MAPPING.replace("[constants]", 'agency = "office"\n[constants]')
    )
    office = {"name": "VIB", "phon": "1"}
    rows = [{"id": str(n), "title": "t", "price": 5, "office": office} for n in range(3)]
    done = importing.run(importing.file("\n".join(map(json.dumps, rows)), "a.jsonl"))
    assert done.returncode == 0, done
    assert "3   unknown_field" in done.stdout


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_many_rows_of_each_format(importing: Importing, format: str) -> None:
    frame = pl.DataFrame({"id": [str(n) for n in range(1_500)], "title": "t", "price": 100.5})
    file = importing.folder / f"a.{format}"
    if format == "csv":
        frame.write_csv(file)
    elif format == "jsonl":
        frame.write_ndjson(file)
    else:
        frame.write_parquet(file)
    done = importing.run(file)
    assert done.returncode == 0, done
    assert importing.counts(done)["created"] == 1_500
    stored = importing.api.stored(importing.provider, "1499")
    assert stored is not None
    assert stored["price"] == 100.5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "nowhere"], "--url 'nowhere' is no address"),
        (["--format", "xls"], "one of csv, jsonl, parquet"),
        (["--snapshot", "--dry-run"], "do not go together"),
        (["--key", "imo360_ak_wrong"], "401 invalid_api_key"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_line(importing: Importing, arguments: list[str], said: str) -> None:
    done = importing.run(importing.file("id,title,price\n1,a,100\n"), *arguments)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_column_that_is_not_there_is_told_by_its_place(importing: Importing) -> None:
    done = importing.run(importing.file("id,titlu,price\n1,a,100\n"))
    assert done.returncode == 2
    assert f"{importing.folder / 'm.toml'}, line 4, field title: " in done.stderr
    assert "has no column 'title'; it has id, titlu, price" in done.stderr


def test_a_column_that_no_row_has_is_told(importing: Importing) -> None:
    done = importing.run(importing.file('{"id": "1", "titlu": "a", "price": 1}', "a.jsonl"))
    assert done.returncode == 1
    assert "no row has 'title'" in done.stderr.replace("\n", " ")
    assert refused(importing.folder / "a.jsonl")[0]["code"] == "required_on_create"


def posted(index: int) -> dict[str, Any]:
    data = {"id": 1, "identifier": "crm:1", "created": True, "changed": True, "status": "active",
            "eventId": "e", "receivedAt": "t", "warnings": []}  # fmt: skip
    return {"index": index, "success": True, "data": data}


def test_a_server_that_fails_in_the_middle(importing: Importing, stand_in: StandIn) -> None:
    importing.url = stand_in.base
    stand_in.lay(200, {"results": [posted(n) for n in range(1_000)]})
    stand_in.lay(500, {"status": 500, "code": "internal_error", "detail": "Oh."})
    rows = "".join(f"{n},t,1\n" for n in range(1_001))
    done = importing.run(importing.file("id,title,price\n" + rows))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "internal_error: Oh.; 1,000 rows were taken before: run the same again" in last


def snapshot(state: str) -> dict[str, str]:
    return {"id": "s1", "state": state, "providerIdentifier": "crm"}


def test_a_snapshot_is_fed_and_closed(importing: Importing, stand_in: StandIn) -> None:
    importing.url = stand_in.base
    stand_in.lay(201, snapshot("open"))
    stand_in.lay(200, {"results": [posted(0), posted(1)]})
    stand_in.lay(200, snapshot("applied"))
    done = importing.run(importing.file("id,title,price\n1,a,1\n2,b,2\n"), "--snapshot")
    assert done.returncode == 0, done
    assert "closed: what the file does not hold is withdrawn" in done.stdout
    assert json.loads(stand_in.seen[2].body) == {"expectedCount": 2}


def test_a_snapshot_withdraws_what_the_file_lacks(importing: Importing) -> None:
    assert importing.run(importing.file("id,title,price\n1,a,1\n2,b,2\n")).returncode == 0
    done = importing.run(importing.file("id,title,price\n2,b,2\n3,c,3\n"), "--snapshot")
    assert done.returncode == 0, done
    stored = [importing.api.stored(importing.provider, name) for name in "123"]
    statuses = [each["status"] for each in stored if each is not None]
    assert statuses == ["withdrawn", "active", "active"]


def test_a_refused_row_keeps_a_snapshot_from_closing(
    importing: Importing, stand_in: StandIn
) -> None:
    importing.url = stand_in.base
    error = {"status": 422, "code": "validation_failed", "violations": []}
    stand_in.lay(201, snapshot("open"))
    stand_in.lay(200, {"results": [posted(0), {"index": 1, "success": False, "error": error}]})
    stand_in.lay(204, b"")
    done = importing.run(importing.file("id,title,price\n1,a,1\n2,b,2\n"), "--snapshot")
    assert done.returncode == 1
    assert "nothing was withdrawn" in done.stdout
    assert [seen.method for seen in stand_in.seen] == ["POST", "POST", "DELETE"]


def test_a_held_snapshot_is_told(importing: Importing, stand_in: StandIn) -> None:
    importing.url = stand_in.base
    stand_in.lay(201, snapshot("open"))
    stand_in.lay(200, {"results": [posted(0)]})
    stand_in.lay(409, {"status": 409, "code": "snapshot_held", "detail": "30 would vanish."})
    done = importing.run(importing.file("id,title,price\n1,a,1\n"), "--snapshot")
    assert done.returncode == 1
    assert "s1 is held, nothing was withdrawn: 30 would vanish." in done.stdout
    assert [seen.method for seen in stand_in.seen] == ["POST", "POST", "POST"]


def test_the_key_may_come_from_the_environment(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMO360_KEY", importing.key)
    file = importing.file("id,title,price\n1,a,100\n")
    done = importing.call(
        "import", str(file), "--map", str(importing.folder / "m.toml"), "--provider",
        importing.provider, "--url", importing.url,
    )  # fmt: skip
    assert done.returncode == 0, done


def test_a_dry_run_judges_and_takes_nothing(importing: Importing) -> None:
    done = importing.run(importing.file("id,title,price\n1,a,100\n2,b,-1\n"), "--dry-run")
    assert done.returncode == 1
    assert importing.counts(done) == {
        "rows": 2, "sent": 2, "created": 0, "changed": 0, "unchanged": 0, "checked": 1,
        "refused": 1,
    }  # fmt: skip
    assert importing.api.stored(importing.provider, "1") is None
