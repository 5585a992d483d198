"""Settings: file, environment and .env into one frozen value; every mistake is one message."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from restaurant_os.businessday import iso_date
from restaurant_os.errors import SettingsError
from restaurant_os.settings import Settings, load, load_without_file

GUID = "0f9d0c1e-1111-4a11-8a11-000000000001"
LOCATION = f'[[locations]]\nname = "North"\ntoast_guid = "{GUID}"\ntimezone = "America/New_York"\ncloseout_hour = 4\n'


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(folder: Path, text: str) -> Path:
    path = folder / "restaurant-os.toml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as problem:
        load(written(folder, text))
    assert problem.value.exit_code == 2
    assert problem.value.next_step
    return problem.value.message


def test_without_anything() -> None:
    """Every setting has a value: careful pacing, merge, a file in the current folder."""
    found = load()

    assert (found.toast.pacing, found.load_mode, found.warehouse_place, found.locations) == (
        "careful",
        "merge",
        Path("restaurant-os.duckdb"),
        (),
    )


def test_a_whole_file(tmp_path: Path) -> None:
    """What a person writes is what there is; a GUID is taken in lower case."""
    text = (
        'warehouse = "duckdb:///data/x.duckdb"\nload_mode = "insert-only"\nwait_seconds = 5\n'
        '[toast]\nbase_url = "http://127.0.0.1:9100/"\npacing = "documented"\noverlap_minutes = 3\n'
        '[discounts]\ncomp = ["Manager Comp"]\nemployee = ["Staff", "d-1"]\n' + LOCATION.replace(GUID, GUID.upper())
    )
    found = load(written(tmp_path, text))

    assert (found.load_mode, found.wait_seconds, found.toast.base_url, found.toast.pacing) == (
        "insert-only",
        5.0,
        "http://127.0.0.1:9100",
        "documented",
    )
    [location] = found.locations
    assert location.model_dump() == {
        "name": "North",
        "toast_guid": GUID,
        "timezone": "America/New_York",
        "closeout_hour": 4,
        "labor_source": "toast",
        "store_id": "",
        "closed_dates": (),
        "closed_weekdays": (),
    }
    assert (str(location.business_day.zone), location.business_day.closeout_hour) == ("America/New_York", 4)
    assert found.discounts.by_name() == {"manager comp": "comp", "staff": "employee", "d-1": "employee"}


def test_the_environment_wins_over_dotenv_and_dotenv_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may give any setting; of a group, single values."""
    written(
        tmp_path,
        'warehouse = "duckdb:///file.duckdb"\nwait_seconds = 1\n[toast]\npacing = "none"\noverlap_minutes = 1\ntimeout_seconds = 1\n',
    )
    (tmp_path / ".env").write_text(
        "RESTAURANT_OS_WAIT_SECONDS=2\nRESTAURANT_OS_TOAST_OVERLAP_MINUTES=2\nRESTAURANT_OS_TOAST_TIMEOUT_SECONDS=2\n"
    )
    monkeypatch.setenv("RESTAURANT_OS_TOAST_TIMEOUT_SECONDS", "3")
    found = load()

    assert found.warehouse_place == Path("file.duckdb")
    assert found.wait_seconds == 2
    assert (found.toast.pacing, found.toast.overlap_minutes, found.toast.timeout_seconds) == ("none", 2, 3)


def test_credentials_come_under_their_own_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TOAST_CLIENT_ID and TOAST_CLIENT_SECRET, from the environment or .env; blanks and quotes around them go."""
    (tmp_path / ".env").write_text("TOAST_CLIENT_ID=from-dotenv\nTOAST_CLIENT_SECRET=dotenv\nOTHER_PROGRAM=1\nDATABASE_URL=x\n")
    monkeypatch.setenv("TOAST_CLIENT_SECRET", ' "s3cr3t" ')
    found = load()

    assert (found.toast_client_id.get_secret_value(), found.toast_client_secret.get_secret_value()) == ("from-dotenv", "s3cr3t")


def test_secrets_are_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the settings' repr nor in what they dump."""
    monkeypatch.setenv("TOAST_CLIENT_ID", "cl13nt")
    monkeypatch.setenv("TOAST_CLIENT_SECRET", "s3cr3t")
    found = load()

    assert not any(
        word in text
        for text in (repr(found), str(found), str(found.model_dump()), found.model_dump_json())
        for word in ("s3cr3t", "cl13nt")
    )


@pytest.mark.parametrize("name", ["toast_client_id", "toast_client_secret", "toast_webhook_secrets", "DATABASE_URL"])
def test_credentials_in_the_file_are_refused(tmp_path: Path, name: str) -> None:
    """A file is shared and committed; the message does not repeat the secret."""
    message = refused(tmp_path, f'{name} = "s3cr3t"')

    assert name in message
    assert "s3cr3t" not in message


def test_frozen() -> None:
    """Settings do not change while a command runs."""
    found: Any = load()

    with pytest.raises(ValueError, match="frozen"):
        found.wait_seconds = 1.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pacing = 1", ["pacing", "is not a setting"]),
        ('[toast]\npacing = "fast"', ["toast.pacing"]),
        ('[toast]\nbase_url = "ws-api.toasttab.com"', ["toast.base_url", "not a URL"]),
        ('[toast]\nbase_url = "https://user:pw@host"', ["toast.base_url", "not a URL"]),
        ('[toast]\nsecret = "x"', ["toast.secret", "is not a setting"]),
        ("wait_seconds = -1", ["wait_seconds"]),
        ('load_mode = "append"', ["load_mode"]),
        ('memory_limit = "lots"', ["memory_limit"]),
        (LOCATION.replace(GUID, "1234"), ["locations.0.toast_guid", "'1234' is not a GUID"]),
        (LOCATION.replace("America/New_York", "Mars/Base"), ["locations.0.timezone", "'Mars/Base' is not an IANA time zone"]),
        (LOCATION.replace("America/New_York", "../etc/passwd"), ["locations.0.timezone"]),
        (LOCATION.replace("= 4", "= 13"), ["locations.0.closeout_hour"]),
        (LOCATION.replace('name = "North"', 'name = ""'), ["locations.0.name"]),
        (LOCATION + LOCATION, ["name 'north' stands there twice"]),
        (LOCATION + LOCATION.replace("North", "South"), [f"toast_guid '{GUID}' stands there twice"]),
        ("warehouse = [", ["is not TOML"]),
        ('"\xff" = 1\n[', ["is not TOML"]),
    ],
)
def test_mistakes_in_the_file(tmp_path: Path, text: str, words: list[str]) -> None:
    """The message names the file, the setting and what was expected."""
    message = refused(tmp_path, text)

    assert "restaurant-os.toml" in message
    assert all(word in message for word in words)


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    """Bytes that are no text are a message too."""
    path = tmp_path / "restaurant-os.toml"
    path.write_bytes(b'warehouse = "\xff\xfe"')

    with pytest.raises(SettingsError, match="is not TOML"):
        load(path)


def test_text_of_the_file_cannot_write_to_a_terminal(tmp_path: Path) -> None:
    """Control characters of a wrong value are not repeated."""
    assert refused(tmp_path, LOCATION.replace(GUID, r"\u001b[2J\u202e")).isprintable()


def test_a_named_file_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By --config or RESTAURANT_OS_CONFIG; only the default may be missing."""
    with pytest.raises(SettingsError, match="does not exist"):
        load(tmp_path / "other.toml")
    monkeypatch.setenv("RESTAURANT_OS_CONFIG", str(tmp_path / "third.toml"))
    with pytest.raises(SettingsError, match=r"third\.toml does not exist"):
        load()


def test_the_file_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RESTAURANT_OS_CONFIG names it; its .env and its paths are those beside it."""
    folder = tmp_path / "shop"
    folder.mkdir()
    written(folder, 'warehouse = "duckdb:///data.duckdb"')
    (folder / ".env").write_text("TOAST_CLIENT_ID=beside\n")
    monkeypatch.setenv("RESTAURANT_OS_CONFIG", str(folder / "restaurant-os.toml"))
    found = load()

    assert found.warehouse_place == folder / "data.duckdb"
    assert found.toast_client_id.get_secret_value() == "beside"


def test_overrides_win_over_the_file(tmp_path: Path) -> None:
    """What a command sets itself."""
    assert load(written(tmp_path, "wait_seconds = 1"), wait_seconds=9).wait_seconds == 9


def test_before_there_is_a_file(tmp_path: Path) -> None:
    """`init` has values of its own, and credentials from .env."""
    (tmp_path / ".env").write_text("TOAST_CLIENT_ID=a\nTOAST_CLIENT_SECRET=b\n")
    found = load_without_file(tmp_path, toast={"base_url": "http://127.0.0.1:1"})

    assert (found.toast.base_url, found.toast_client_id.get_secret_value()) == ("http://127.0.0.1:1", "a")


@pytest.mark.parametrize(
    ("warehouse", "expected"),
    [
        ("duckdb:///x.duckdb", "FOLDER/x.duckdb"),
        ("duckdb:////data/x.duckdb", "/data/x.duckdb"),
        ("duckdb:///tmp/x.duckdb", "/tmp/x.duckdb"),
    ],
)
def test_where_the_warehouse_is(tmp_path: Path, warehouse: str, expected: str) -> None:
    """Relative to the settings file; absolute with four slashes, or where the folder exists only from the root."""
    found = Settings(warehouse=SecretStr(warehouse), folder=tmp_path)  # type: ignore[call-arg]

    assert str(found.warehouse_place) == expected.replace("FOLDER", str(tmp_path))


@pytest.mark.parametrize("warehouse", ["postgresql://user:s3cr3t@host/db", "postgres://host/db", "bigquery://project/dataset"])
def test_a_warehouse_that_is_no_file(tmp_path: Path, warehouse: str) -> None:
    """Its address holds a secret, which the settings do not show; what stands beside a file stands in their folder."""
    found = Settings(warehouse=SecretStr(warehouse), folder=tmp_path)  # type: ignore[call-arg]

    assert (found.warehouse_place, found.state_path) == (warehouse, tmp_path / "restaurant-os")
    assert found.operations_place == tmp_path / "restaurant-os.operations.sqlite"
    assert "s3cr3t" not in repr(found)


@pytest.mark.parametrize(
    ("warehouse", "said"),
    [
        ("duckdb:///", "an address that begins with duckdb:"),
        ("x.duckdb", "no address with a scheme"),
        ("mysql://user:s3cr3t@host/db", "an address that begins with mysql:"),
        ("mysql://user:pa@s3cr3t/x@host/db", "an address that begins with mysql:"),
        ("mysql://user:pass/s3cr3t", "an address that begins with mysql:"),
        ("user:s3cr3t@host/db", "no address with a scheme"),
        ("s3cr3t", "no address with a scheme"),
        ("duckdb:", "no address with a scheme"),
    ],
)
def test_a_warehouse_we_do_not_have(warehouse: str, said: str) -> None:
    """Said with what was expected; of the address the scheme alone, since a password may be anywhere in it."""
    with pytest.raises(SettingsError) as problem:
        _ = load(warehouse=warehouse).warehouse_place
    assert problem.value.message == (
        f"settings: warehouse is {said}, duckdb:///path, postgresql://... or bigquery://project/dataset was expected."
    )
    assert "s3cr3t" not in str(problem.value)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30",
        "20260301",
        "2026-3-1",
        "01.03.2026",
        "",
        "yesterday",
        "2026-03-01T00:00:00",
        "\u0662\u0660\u0662\u0666-\u0660\u0663-\u0660\u0661",
    ],
)
def test_a_date_a_person_typed_wrong(text: str) -> None:
    """One way to write a date; no day that does not exist."""
    with pytest.raises(SettingsError, match=r"--from: .* is not a date"):
        iso_date(text, "--from")


def test_a_date_a_person_typed() -> None:
    """Year, month, day."""
    assert iso_date("2026-03-01", "--from") == date(2026, 3, 1)


# --- the service ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({}, Path("restaurant-os.operations.sqlite")),
        ({"RESTAURANT_OS_WAREHOUSE": "duckdb:///data.duckdb"}, Path("data.operations.sqlite")),
        ({"RESTAURANT_OS_OPERATIONS": "sqlite:////var/lib/ops.sqlite"}, Path("/var/lib/ops.sqlite")),
        ({"RESTAURANT_OS_OPERATIONS": "postgresql://a:b@h/d"}, "postgresql://a:b@h/d"),
        ({"DATABASE_URL": "postgres://a:b@h/d"}, "postgres://a:b@h/d"),
        ({"DATABASE_URL": "mysql://a:b@h/d"}, Path("restaurant-os.operations.sqlite")),
        ({"DATABASE_URL": "postgres://a:b@h/d", "RESTAURANT_OS_OPERATIONS": "sqlite:///own.sqlite"}, Path("own.sqlite")),
    ],
)
def test_where_operations_are(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], place: Path | str) -> None:
    """A file beside the warehouse, what the setting names, or the platform's Postgres."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert load().operations_place == place


def test_operations_that_are_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message tells the address without its password."""
    monkeypatch.setenv("RESTAURANT_OS_OPERATIONS", "mysql://user:s3cr3t@host/db")

    with pytest.raises(SettingsError) as told:
        _ = load().operations_place

    assert "sqlite:///path or postgresql://" in told.value.message
    assert "s3cr3t" not in str(told.value)


def test_several_webhook_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """With commas between, so that one can be replaced while the other still signs."""
    monkeypatch.setenv("TOAST_WEBHOOK_SECRETS", " new , old,")

    assert load().webhook_secrets == (b"new", b"old")


STORES = """
[[locations]]
name = "North"
toast_guid = "00000000-0000-4000-8000-000000000001"
timezone = "America/Denver"
store_id = "n-1"
"""


@pytest.mark.parametrize("store", ["n-1", "N-1", "north", " North ", "00000000-0000-4000-8000-000000000001"])
def test_a_store_is_its_location(tmp_path: Path, store: str) -> None:
    """By its store id, its name or its GUID."""
    path = tmp_path / "restaurant-os.toml"
    path.write_text(STORES)

    assert load(path).place_of(store) == load(path).locations[0]


def test_a_store_of_its_own() -> None:
    """One that no location names is its own, in UTC."""
    place = load().place_of("truck 7")

    assert (place.name, place.toast_guid, place.timezone, place.closeout_hour, place.labor_source) == (
        "truck 7",
        "truck 7",
        "UTC",
        0,
        "none",
    )


@pytest.mark.parametrize("store", ["a" * 65, "x/y", " x", "x\\u0000", "é"])
def test_a_store_id_that_could_do_harm_is_refused(tmp_path: Path, store: str) -> None:
    """At most 64 characters that can be shown anywhere as they are."""
    assert "is no store id" in refused(tmp_path, STORES.replace("n-1", store))
