"""Settings: every problem at once, no secret in a message, the environment before `.env`."""

import pytest

from worker.config import load_settings, project_folder
from worker.errors import SettingsError


def test_the_environment_wins_over_the_file_and_an_empty_value_counts_as_not_set(tmp_path):
    (tmp_path / ".env").write_text("BATCH_SIZE=7\nTICK_SECONDS=9\nOPS_USERNAME=file\n")
    settings = load_settings(tmp_path, {"BATCH_SIZE": "8", "TICK_SECONDS": "", "UNRELATED": "x"})
    assert (settings.batch_size, settings.ops_username) == (8, "file")
    assert settings.tick_seconds == 9


def test_all_problems_are_told_at_once_and_no_secret_is_repeated(tmp_path):
    with pytest.raises(SettingsError) as wrong:
        load_settings(tmp_path, {"BATCH_SIZE": "1001", "BASE_URL": "http://letters.example.com", "LOG_LEVEL": "LOUD"})
    assert sorted(problem.split(":")[0] for problem in wrong.value.problems) == ["BASE_URL", "BATCH_SIZE", "LOG_LEVEL"]
    settings = load_settings(tmp_path, {"SECRET_KEY": "hunter2"})
    with pytest.raises(SettingsError) as short:
        settings.require("secret_key", "sendgrid_api_key", "alert_address")
    assert "at least 32" in str(short.value)
    assert "SENDGRID_API_KEY: is not set" in str(short.value)
    assert "hunter2" not in str(short.value) + repr(settings)


def test_a_lease_that_a_call_could_outlive_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="LEASE_SECONDS must be longer"):
        load_settings(tmp_path, {"LEASE_SECONDS": "20", "CALL_DEADLINE_SECONDS": "20"})


def test_a_relative_database_path_belongs_to_the_project(tmp_path):
    settings = load_settings(tmp_path, {"DATABASE_URL": "sqlite:///var/x.db"})
    assert settings.absolute_database_url == f"sqlite:///{tmp_path.resolve()}/var/x.db"
    assert (
        load_settings(tmp_path, {"DATABASE_URL": "sqlite:////srv/x.db"}).absolute_database_url == "sqlite:////srv/x.db"
    )


def test_a_started_process_finds_its_project_in_its_environment(tmp_path, monkeypatch):
    assert project_folder({"BROADSHEET_PROJECT": str(tmp_path)}) == tmp_path.resolve()
    monkeypatch.chdir(tmp_path)
    assert project_folder({}) == tmp_path.resolve()


def test_old_keys_are_read_from_a_list_and_the_newest_is_the_first(tmp_path):
    old, older, new = "o" * 32, "p" * 32, "n" * 32
    settings = load_settings(tmp_path, {"SECRET_KEY": new, "SECRET_KEY_BEFORE": f" {old} ,{older},, {new}"})
    settings.require("secret_key")
    assert settings.signing_secrets == (new, old, older)
    assert old not in repr(settings)
    assert load_settings(tmp_path, {"SECRET_KEY_BEFORE": old}).signing_secrets == ()


def test_an_old_key_that_is_short_is_refused_without_being_quoted(tmp_path):
    settings = load_settings(tmp_path, {"SECRET_KEY": "n" * 32, "SECRET_KEY_BEFORE": "p" * 32 + ",hunter2"})
    with pytest.raises(SettingsError, match="SECRET_KEY_BEFORE") as refused:
        settings.require("secret_key")
    assert "hunter2" not in str(refused.value)


def test_a_trusted_proxy_that_is_no_network_is_named(tmp_path):
    with pytest.raises(SettingsError, match="TRUSTED_PROXIES: 'cloud' is no network"):
        load_settings(tmp_path, {"TRUSTED_PROXIES": "203.0.113.0/24, cloud"})
