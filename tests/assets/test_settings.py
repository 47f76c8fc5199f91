"""Settings come from the environment and say clearly what they do not take."""

from pathlib import Path

import pytest

from assets.settings import Settings, home_directory, load_settings, variable_of
from models.errors import LmmrecError

pytestmark = pytest.mark.unit


def test_an_empty_environment_gives_the_defaults_that_need_no_key_and_no_network() -> None:
    assert load_settings({}) == Settings(chat="extractive", encoder="minilm", device="auto")


def test_each_variable_sets_its_field() -> None:
    settings = load_settings(
        {
            "LMMREC_CHAT": "openai",
            "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
            "LMMREC_CHAT_CONCURRENCY": "4",
            "LMMREC_CHAT_BUDGET_USD": "1.5",
            "LMMREC_ENCODER": "lsa",
        }
    )
    assert (settings.chat, settings.openai_base_url, settings.chat_concurrency) == (
        "openai",
        "http://127.0.0.1:1/v1",
        4,
    )
    assert (settings.chat_budget_usd, settings.encoder) == (1.5, "lsa")


def test_an_empty_variable_counts_as_unset() -> None:
    assert load_settings({"LMMREC_ENCODER": ""}).encoder == "minilm"


def test_a_value_that_is_not_taken_is_named_with_its_variable() -> None:
    with pytest.raises(LmmrecError, match="LMMREC_ENCODER='bert'"):
        load_settings({"LMMREC_ENCODER": "bert"})


def test_the_key_is_no_setting() -> None:
    assert "OPENAI_API_KEY" not in {variable_of(name) for name in Settings.model_fields}


def test_home_is_the_variable_or_a_hidden_folder_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert home_directory({}) == tmp_path / ".lmmrec"
    assert home_directory({"LMMREC_HOME": str(tmp_path / "elsewhere")}) == tmp_path / "elsewhere"
