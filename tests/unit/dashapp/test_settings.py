"""Every setting has a default and a line of help, and a bad value is named."""

import dataclasses
from pathlib import Path

import pytest

from dashapp import settings
from dashapp.settings import BadSetting, Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    found = Settings.read({})
    assert found == Settings()
    assert (found.port, found.host, found.data_dir) == (8050, "127.0.0.1", Path("data"))
    assert (found.memory_limit_mb, found.upload_limit_mb) == (512, 2_000)
    assert (found.evict_over_mb, found.evict_every_s, found.keep_days) == (50, 300, 7)
    assert (found.nav_lock, found.secret_key, found.secure_cookies) == ("everyone", "", False)
    assert found.log_level == "info"


def test_each_is_read_from_the_variable_of_its_name() -> None:
    given = {
        "PORT": "80", "HOST": "0.0.0.0", "DATA_DIR": "/var/x", "SECRET_KEY": "s3cret", "SECURE_COOKIES": "true",
        "MEMORY_LIMIT_MB": "1000", "RESERVE_MB": "0", "NAV_LOCK": "owner", "EVICT_OVER_MB": "0", "EVICT_EVERY_S": "5",
        "RESULTS_BUDGET_MB": "9", "UPLOAD_LIMIT_MB": " 7 ", "EPHEMERAL_DISK": "no", "KEEP_DAYS": "3",
        "LOG_LEVEL": "Debug",
        "port": "1", "PATH": "/bin",
    }  # fmt: skip
    assert Settings.read(given) == Settings(
        port=80, host="0.0.0.0", data_dir=Path("/var/x"), secret_key="s3cret", secure_cookies=True,
        memory_limit_mb=1_000, reserve_mb=0, nav_lock="owner", evict_over_mb=0, evict_every_s=5, results_budget_mb=9,
        upload_limit_mb=7, ephemeral_disk="no", keep_days=3, log_level="Debug",
    )  # fmt: skip


def test_an_empty_variable_is_no_variable() -> None:
    assert Settings.read({"PORT": "", "DATA_DIR": "  ", "NAV_LOCK": ""}) == Settings()


@pytest.mark.parametrize("text", ["many", "1.5", "-1", "0x10", "8050;", "1e3"])
@pytest.mark.parametrize(("name", "low"), [("PORT", 1), ("MEMORY_LIMIT_MB", 1), ("RESERVE_MB", 0)])
def test_what_is_no_whole_number_is_refused_by_name(name: str, low: int, text: str) -> None:
    with pytest.raises(BadSetting) as refused:
        Settings.read({name: text})
    assert str(refused.value) == f"{name} is “{text}”, and a whole number from {low} up is needed."


@pytest.mark.parametrize("name", ["PORT", "MEMORY_LIMIT_MB", "EVICT_EVERY_S", "UPLOAD_LIMIT_MB", "KEEP_DAYS"])
def test_nothing_is_refused_where_it_cannot_be_meant(name: str) -> None:
    with pytest.raises(BadSetting) as refused:
        Settings.read({name: "0"})
    assert str(refused.value) == f"{name} is “0”, and a whole number from 1 up is needed."
    Settings.read({name: "1"})


@pytest.mark.parametrize(
    ("text", "flag"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False), ("off", False)]
)
def test_flags_are_said_in_several_ways(text: str, flag: bool) -> None:
    assert Settings.read({"SECURE_COOKIES": text}).secure_cookies is flag


def test_what_is_neither_yes_nor_no_is_refused_by_name() -> None:
    with pytest.raises(BadSetting) as refused:
        Settings.read({"SECURE_COOKIES": "perhaps"})
    assert str(refused.value) == "SECURE_COOKIES is “perhaps”, and yes or no is needed."


def test_whose_navigation_is_locked_is_one_of_two() -> None:
    with pytest.raises(BadSetting) as refused:
        Settings.read({"NAV_LOCK": "nobody"})
    assert str(refused.value) == "NAV_LOCK is “nobody”: say everyone or owner."


def test_how_much_is_logged_is_one_of_four() -> None:
    with pytest.raises(BadSetting) as refused:
        Settings.read({"LOG_LEVEL": "loud"})
    assert str(refused.value) == "LOG_LEVEL is “loud”: say debug, info, warning or error."


def test_a_disk_is_emptied_or_not_or_found_out() -> None:
    with pytest.raises(BadSetting) as refused:
        Settings.read({"EPHEMERAL_DISK": "often"})
    assert str(refused.value) == "EPHEMERAL_DISK is “often”: say yes, no or auto."


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


def test_the_table_says_name_default_and_one_line_of_help_of_each() -> None:
    table = settings.table()
    assert [name for name, _, _ in table] == [field.name.upper() for field in dataclasses.fields(Settings)]
    assert ("PORT", "8050", "Port the server listens on.") in table
    for name, _, text in table:
        assert text.endswith("."), name
        assert "\n" not in text, name


def test_the_readmes_table_holds_each_setting() -> None:
    readme = Path(__file__).resolve().parents[3] / "README.md"
    text = readme.read_text(encoding="utf-8")
    for name, _, help in settings.table():
        line = next((line for line in text.splitlines() if line.startswith(f"| `{name}`")), None)
        assert line is not None, f"README.md has no row for {name}"
        assert help in line, name
