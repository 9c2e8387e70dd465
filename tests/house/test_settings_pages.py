"""`.env.example`, docs/configuration.md and Settings say the same. `make settings` writes the files again."""

import pytest

from tests.support.settings_pages import ROOT, configuration_page, env_example, settings
from worker.config import Settings, load_settings


def test_the_example_environment_lists_every_setting_with_its_description():
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == env_example()


def test_the_configuration_page_lists_every_setting_with_its_description():
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == configuration_page()


def test_every_setting_is_described():
    assert [name for name, _default, description, _secret in settings() if not description] == []


def test_the_example_environment_as_it_is_means_the_defaults(tmp_path):
    (tmp_path / ".env").write_text(env_example(), encoding="utf-8")
    assert load_settings(tmp_path, {}) == Settings(project=tmp_path.resolve())


@pytest.mark.parametrize(("name", "default"), [(s[0], s[1]) for s in settings() if s[1]], ids=lambda v: str(v)[:30])
def test_the_defaults_are_written_as_they_can_be_set(tmp_path, name, default):
    assert load_settings(tmp_path, {name: default}) == Settings(project=tmp_path.resolve())
