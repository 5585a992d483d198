"""What a person sees: text from outside is shown as text, whatever it holds."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from restaurant_os import terminal
from restaurant_os.errors import RestaurantOSError, UsageError
from restaurant_os.text import count, printable

MONEY = pa.decimal128(18, 4)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What goes to a terminal that knows colours and markup."""
    text = io.StringIO()
    monkeypatch.setattr(terminal, "out", Console(file=text, force_terminal=True, width=200, highlight=False))
    monkeypatch.setattr(terminal, "err", Console(file=text, force_terminal=True, width=200, highlight=False))
    return text


@pytest.mark.parametrize("name", ["[bold red]Pizza[/]", "[link=https://evil]x[/link]", "[/]", "\\[x]", ":pizza:"])
def test_markup_in_a_name_is_shown_as_it_is(shown: io.StringIO, name: str) -> None:
    """A dish called [red] is called so; nothing is coloured, linked or broken by it."""
    terminal.print_table(name, (name, "n"), [(name, 1)])
    terminal.print_error(RestaurantOSError(name, next_step=name), prefix="North: ")

    assert shown.getvalue().count(name) == 5


@pytest.mark.parametrize("bad", ["\x1b[2J", "\x1b]8;;https://evil\x1b\\", "\r", "\x07", "\x9b31m", "\u202e", "\x00", "\n", "\x7f"])
def test_control_characters_never_reach_the_terminal(shown: io.StringIO, bad: str) -> None:
    """No cursor moves, no link, no bell, no text turned round."""
    terminal.print_table("", ("name",), [(f"Pi{bad}zza",)])
    terminal.print_error(RestaurantOSError(f"Pi{bad}zza", next_step=f"Pi{bad}zza"))

    text = shown.getvalue()
    if bad != "\n":
        assert bad not in text
    assert text.count("Pi") == text.count("zza") == 3
    assert not [line for line in text.splitlines() if line.strip().startswith("zza")]


def test_printable() -> None:
    """One line, cut to its limit; what can be printed stays."""
    assert printable("a\tb\nc\u2028d\u202ee") == "a b c d e"
    assert printable("Crème brûlée 🍮 2") == "Crème brûlée 🍮 2"
    assert printable("x" * 400) == "x" * 299 + "…"
    assert printable(None) == "None"


def test_counts() -> None:
    """A number with its noun."""
    assert [count(1, "order"), count(1284, "order"), count(0, "dish", "dishes")] == ["1 order", "1,284 orders", "0 dishes"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (Decimal("1234.5000"), "1,234.50"),
        (Decimal("-0.1250"), "-0.1250"),
        (True, "yes"),
        (12345, "12,345"),
        (datetime(2026, 3, 1, 4, tzinfo=UTC), "2026-03-01 04:00:00Z"),
        (date(2026, 3, 1), "2026-03-01"),
    ],
)
def test_values_as_shown(value: object, expected: str) -> None:
    """Money with its cents, and with all four places where it has them."""
    assert terminal.shown(value) == expected


def test_values_as_json() -> None:
    """Money as strings, dates and instants in ISO format, at any depth; a number that JSON has not as text."""
    document = {
        "a": [Decimal("10.2900"), date(2026, 3, 1)],
        "b": datetime(2026, 3, 1, 4, tzinfo=UTC),
        "c": (True, None, 1.5),
        "d": float("nan"),
    }

    assert terminal.plain(document) == {
        "a": ["10.2900", "2026-03-01"],
        "b": "2026-03-01T04:00:00+00:00",
        "c": [True, None, 1.5],
        "d": "nan",
    }


def result() -> pa.Table:
    return pa.table(
        {
            "name": pa.array(["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "\rx", 'plain, "quoted"', None]),
            "amount": pa.array([Decimal("-10.2900")] * 8, MONEY),
            "day": pa.array([date(2026, 3, 1)] * 8),
        }
    )


def test_csv_holds_no_formula(tmp_path: Path) -> None:
    """A text that a spreadsheet would run is quoted; a negative amount is still a number; null is empty."""
    path = tmp_path / "out.csv"
    terminal.write_result(result(), "csv", path)

    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["name", "amount", "day"]
    assert [row[0] for row in rows[1:]] == ["'=cmd|' /C calc'!A0", "'+1", "'-1", "'@x", "'\tx", "'\rx", 'plain, "quoted"', ""]
    assert {tuple(row[1:]) for row in rows[1:]} == {("-10.2900", "2026-03-01")}


def test_a_column_s_name_is_no_formula_either(tmp_path: Path) -> None:
    """A name comes from the person's own SQL, or from a file they were sent."""
    path = tmp_path / "out.csv"
    terminal.write_result(pa.table({"=1+1": [1]}), "csv", path)

    assert path.read_text().splitlines()[0] == "'=1+1"


def test_json_is_a_list_of_objects(tmp_path: Path) -> None:
    """One object per row, money as a string."""
    path = tmp_path / "out.json"
    terminal.write_result(result(), "json", path)

    found = json.loads(path.read_text())
    assert found[-1] == {"name": None, "amount": "-10.2900", "day": "2026-03-01"}
    assert len(found) == 8


def test_parquet_is_the_table(tmp_path: Path) -> None:
    """Every type as it was."""
    path = tmp_path / "out.parquet"
    terminal.write_result(result(), "parquet", path)

    assert pq.read_table(path).equals(result())


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """One message, no traceback."""
    with pytest.raises(UsageError, match="cannot be written"):
        terminal.write_result(result(), "csv", tmp_path / "missing" / "out.csv")


@pytest.mark.parametrize("kind", ["table", "csv", "json", "parquet"])
def test_a_result_without_rows(tmp_path: Path, kind: str, shown: io.StringIO) -> None:
    """Every format can be empty."""
    path = tmp_path / "out"
    terminal.write_result(result().slice(0, 0), kind, None if kind == "table" else path)

    if kind == "json":
        assert json.loads(path.read_text()) == []
    elif kind == "csv":
        assert path.read_bytes() == b"name,amount,day\r\n"
    elif kind == "table":
        assert "amount" in shown.getvalue()
