"""Rows of three formats: their numbers, what cannot be read, and how far we are."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cli.import_mapping import ImportMapping
from cli.import_rows import Row, open_source
from cli.wrong_use import WrongUseError

MAPPING = ImportMapping(Path("m.toml"), {"externalId": "id"})


def rows(path: Path, format: str | None = None, **options: Any) -> list[Row]:
    mapping = ImportMapping(Path("m.toml"), {"externalId": "id"}, **options)
    with open_source(path, mapping, format) as source:
        read = list(source.rows)
        assert source.position() == source.total
    return read


def written(tmp_path: Path, name: str, content: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_text(content, encoding=encoding, newline="")
    return path


def test_csv_rows_are_numbered_by_line(tmp_path: Path) -> None:
    content = 'id,title\r\n1,"two\r\nlines"\r\n\r\n2,short\r\n3\r\n4,x,y\r\n'
    assert rows(written(tmp_path, "a.csv", content)) == [
        Row(2, {"id": "1", "title": "two\r\nlines"}),
        Row(5, {"id": "2", "title": "short"}),
        Row(6, {"id": "3"}),
        Row(7, {}, "3 cells under 2 columns"),
    ]


def test_csv_of_another_encoding_and_delimiter(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", "id;title\n1;Casă\n", "cp1250")
    assert rows(path, "csv", delimiter=";", encoding="cp1250") == [
        Row(2, {"id": "1", "title": "Casă"})
    ]
    with pytest.raises(WrongUseError, match="is not utf-8-sig: set `encoding`"):
        rows(path, "csv", delimiter=";")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert rows(written(tmp_path, "a.csv", "id\n1\n", "utf-8-sig")) == [Row(2, {"id": "1"})]


@pytest.mark.parametrize(
    ("content", "said"), [("", "no header"), ("id,id\n", "two columns are called 'id'")]
)
def test_a_csv_without_names_is_told(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(WrongUseError, match=f"line 1: .*{said}"):
        rows(written(tmp_path, "a.csv", content))


def test_json_lines(tmp_path: Path) -> None:
    lines = ['{"id": 1, "x": {"y": 2}}', "", "[1]", "{", '{"id": NaN}', '{"id": 1e400}',
             '{"id": "\\ud800"}', '{"id": "\\u0103"}']  # fmt: skip
    assert rows(written(tmp_path, "a.jsonl", "\n".join(lines))) == [
        Row(1, {"id": 1, "x": {"y": 2}}),
        Row(3, {}, "no JSON object"),
        Row(4, {}, "no JSON"),
        Row(5, {}, "no JSON"),
        Row(6, {}, "no JSON"),
        Row(7, {}, "no JSON"),
        Row(8, {"id": "ă"}),
    ]


def test_parquet(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": list(range(2_500)), "urls": [["a", "b"]] * 2_500})
    frame.write_parquet(tmp_path / "a.parquet")
    read = rows(tmp_path / "a.parquet")
    assert len(read) == 2_500
    assert read[-1] == Row(2_500, {"id": 2_499, "urls": ["a", "b"]})


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongUseError, match="is no Parquet"):
        rows(written(tmp_path, "a.parquet", "id\n1\n"))


def test_an_unknown_format_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(WrongUseError, match="Say --format, one of csv, jsonl, parquet"):
        rows(written(tmp_path, "a.xls", ""))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(WrongUseError, match="No such file"):
        rows(tmp_path / "a.csv")


def test_a_large_file_needs_no_more_memory(tmp_path: Path) -> None:
    line = json.dumps({"id": "1", "description": "x" * 2_000}) + "\n"
    path = written(tmp_path, "a.jsonl", line * 5_000)
    tracemalloc.start()
    with open_source(path, MAPPING, None) as source:
        assert sum(1 for _ in source.rows) == 5_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 10
