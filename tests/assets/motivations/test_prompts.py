"""Prompts show train text and nothing else, fenced as data, the same on every run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.motivations.config import PromptConfig
from assets.motivations.prompts import prompt_sha256, render, render_within_limits
from assets.motivations.tables import read_motivations, read_requests
from assets.motivations.write_prompts import write_prompts
from assets.tables import read_frame
from models.errors import LmmrecError
from models.language.chat import Entity, Source
from models.language.text import estimate_tokens
from tests.assets.motivations.hostile import HOSTILE, STORABLE
from tests.assets.motivations.shop import ITEMS, USERS, part_of, usual_text, write_shop
from tests.assets.motivations.stage import run_gate, run_prompts

pytestmark = pytest.mark.integration

CANARY = "zebraquokka"


def poisoned(user: int, item: int) -> str:
    said = usual_text(user, item)
    return said if part_of(user, item) == "train" else f"{CANARY} {said} {CANARY}"


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_f32_no_word_of_validation_or_test_reaches_a_prompt_a_motivation_or_a_vector(tmp_path: Path) -> None:
    from assets.embeddings.embed import write_embeddings
    from models.language.encoders import EncoderConfig, load_encoder

    clean, bad = (tmp_path / name for name in ("clean", "poisoned"))
    for root, text in ((clean, usual_text), (bad, poisoned)):
        run_gate(run_prompts(write_shop(root / "in", text), root / "out"), root / "out")
        (root / "out" / "vectors").mkdir()
        encoder = load_encoder(EncoderConfig("lsa"))
        write_embeddings(root / "out" / "validated_motivations", encoder, tmp_path / "x", root / "out" / "vectors")
    for entity in ("item", "user"):
        prompts = read_frame(bad / "out" / f"{entity}_prompts" / "prompts.parquet")
        assert len(prompts) > 0
        assert not prompts.astype(str).apply(lambda column: column.str.contains(CANARY)).any().any()
        motivations = read_motivations(bad / "out" / f"{entity}_motivations" / "motivations.parquet")
        assert CANARY not in motivations.to_json()
    assert all_bytes(clean / "out") == all_bytes(bad / "out")


def test_every_pair_shown_is_a_train_pair_of_the_entity(tmp_path: Path) -> None:
    folders = run_prompts(write_shop(tmp_path / "in"), tmp_path / "out")
    for entity in ("item", "user"):
        shown = read_frame(folders[f"{entity}_prompts"] / "shown.parquet")
        assert len(shown) > 0
        assert {part_of(u, i) for u, i in zip(shown["user_idx"], shown["item_idx"], strict=True)} == {"train"}
        assert (shown["entity_idx"] == shown[f"{entity}_idx"]).all()


def test_no_id_of_a_user_or_item_stands_in_a_prompt(tmp_path: Path) -> None:
    folders = run_prompts(write_shop(tmp_path / "in"), tmp_path / "out")
    for entity in ("item", "user"):
        for request, _, _ in read_requests(folders[f"{entity}_prompts"], entity, "1"):
            assert not any(f"u{n:02d}" in request.user for n in range(USERS))
            assert not any(f"i{n:02d}" in request.user for n in range(ITEMS))


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    folders = write_shop(tmp_path / "in")
    for name in ("a", "b"):
        run_prompts(dict(folders), tmp_path / name)
    assert all_bytes(tmp_path / "a") == all_bytes(tmp_path / "b")


def test_no_more_is_shown_than_the_sizes_allow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = PromptConfig(reviews_per_item=2, items_per_user=1, words_per_text=5)
    monkeypatch.setattr("assets.motivations.write_prompts.CONFIG", small)
    folders = run_prompts(write_shop(tmp_path / "in"), tmp_path / "out")
    shown = {e: read_frame(folders[f"{e}_prompts"] / "shown.parquet") for e in ("item", "user")}
    assert shown["item"].groupby("entity_idx").size().max() == 2
    assert shown["user"].groupby("entity_idx").size().max() == 1
    for request, _, _ in read_requests(folders["item_prompts"], "item", "1"):
        assert all(len(source.text.removesuffix(" …").split()) <= 5 for source in request.sources)


@given(
    st.sampled_from(["item", "user"]),
    st.lists(
        st.one_of(st.text(max_size=40), st.sampled_from(["word " * 400, "安静" * 2_000, "😀" * 3_000, '"' * 9_000]))
    ),
)
def test_f14_no_prompt_is_longer_than_its_limit(entity: Entity, texts: list[str]) -> None:
    config = PromptConfig()
    sources = [Source(f"i{n // 3}", ("title", "summary", "review")[n % 3], text) for n, text in enumerate(texts * 5)]
    rendered = render_within_limits(entity, "7", sources, config)
    request = rendered.request
    assert estimate_tokens(request.system, request.user) <= config.tokens_per_prompt
    assert len(request.sources) + rendered.sources_left_out == len(sources)
    shown = len(request.sources)
    assert [source.source_id for source in request.sources] == [source.source_id for source in sources[:shown]]
    if rendered.sources_left_out:
        assert sources[shown].source_id != sources[shown - 1].source_id
    assert render_within_limits(entity, "7", sources, config) == rendered


def test_f14_what_was_cut_and_left_out_is_written_down_and_loses_its_lineage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.motivations.write_prompts.CONFIG", PromptConfig(tokens_per_prompt=2_500))
    folders = write_shop(tmp_path / "in", lambda u, i: "安静" * 2_000 if i == 1 else usual_text(u, i))
    folders["item_prompts"] = tmp_path / "prompts"
    folders["item_prompts"].mkdir()
    figures = write_prompts("item", "shop", folders, folders["item_prompts"])
    prompts = read_frame(folders["item_prompts"] / "prompts.parquet").set_index("entity_idx")
    assert figures["prompts_shortened"] == 1
    assert figures["sources_left_out"] == prompts.loc[1, "sources_left_out"] > 0
    assert figures["texts_cut"] == prompts.loc[1, "texts_cut"] > 0
    assert prompts.drop(index=1)[["texts_cut", "sources_left_out"]].to_numpy().sum() == 0
    assert prompts["estimated_tokens"].max() <= 2_500
    shown = read_frame(folders["item_prompts"] / "shown.parquet")
    rendered = {source["source_id"] for source in json.loads(prompts.loc[1, "sources"]) if source["kind"] == "review"}
    assert set(shown.loc[shown["entity_idx"] == 1, "source_id"]) == rendered


def test_the_latest_of_several_reviews_of_a_pair_is_shown(tmp_path: Path) -> None:
    import pandas as pd

    from assets.tables import write_frame

    folders = write_shop(tmp_path / "in")
    path = folders["reviews"] / "reviews.parquet"
    frame = read_frame(path)
    later = frame.assign(text="changed my mind", timestamp=pd.Timestamp(2025, 1, 1))
    earlier = frame.assign(text="long ago", timestamp=pd.Timestamp(2020, 1, 1))
    write_frame(pd.concat([later, frame, earlier]), path, {"timestamp": "TIMESTAMP"})
    run_prompts(folders, tmp_path / "out")
    for request, _, _ in read_requests(folders["item_prompts"], "item", "1"):
        assert {source.text for source in request.sources if source.kind == "review"} == {"changed my mind"}


def test_f13_hostile_reviews_stay_data_and_touch_no_neighbour(tmp_path: Path) -> None:
    plain = run_prompts(write_shop(tmp_path / "plain"), tmp_path / "plain-out")
    before = {r.id: r for r, _, _ in read_requests(plain["item_prompts"], "item", "1")}
    for number, start in enumerate(range(0, len(STORABLE), USERS // 2)):
        attacks = list(STORABLE.values())[start : start + USERS // 2]
        attacked = run_prompts(
            write_shop(
                tmp_path / f"in{number}", lambda u, i, a=attacks: a[u // 2 % len(a)] if i == 1 else usual_text(u, i)
            ),
            tmp_path / f"out{number}",
        )
        after = {r.id: r for r, _, _ in read_requests(attacked["item_prompts"], "item", "1")}
        assert {name for name in before if before[name].user != after[name].user} == {"1"}
        check_fenced(after["1"].user, len([s for s in after["1"].sources if s.text]))
        run_gate(attacked, tmp_path / f"out{number}")


@pytest.mark.parametrize("name", HOSTILE)
def test_f13_nothing_that_a_template_or_terminal_obeys_is_left_of_a_hostile_text(name: str) -> None:
    request = render("item", "7", [Source("r1", "review", HOSTILE[name])], PromptConfig())
    check_fenced(request.user, sum(bool(source.text) for source in request.sources))
    (text,) = (source.text for source in request.sources)
    for sign in (
        "<|",
        "[INST]",
        "<<SYS>>",
        "</s>",
        "<start_of_turn>",
        "<｜",
        "===",
        "＝＝＝",
        "\x1b",
        "\u202e",
        "\U000e0061",
    ):
        assert sign not in text
    assert len(text) <= PromptConfig().characters_per_text


def test_f13_placeholders_of_strangers_are_not_filled(tmp_path: Path) -> None:
    request = render("item", "7", [Source("r1", "review", HOSTILE["placeholders"])], PromptConfig())
    assert "{fence} {sources} {max_words} {0} %s %(x)s ${x} {{x}}" in request.user


@given(st.lists(st.one_of(st.text(max_size=80), st.sampled_from(list(HOSTILE.values()))), max_size=6))
def test_the_fence_closes_once_whatever_the_sources_say(texts: list[str]) -> None:
    sources = [Source(f"r{n}", "review", text) for n, text in enumerate(texts)]
    request = render("item", "7", sources, PromptConfig())
    check_fenced(request.user, sum(bool(source.text) for source in request.sources))
    request.user.encode()
    again = render("item", "8", sources, PromptConfig())
    assert prompt_sha256(again) == prompt_sha256(request)


def check_fenced(message: str, sources: int) -> None:
    """Two fence lines, one JSON object a line between them, no fence in the data."""
    lines = message.split("\n")
    fences = [at for at, line in enumerate(lines) if line.startswith("=====")]
    assert len(fences) == 2
    inside = [json.loads(line) for line in lines[fences[0] + 1 : fences[1]] if line]
    assert len(inside) == sources
    assert all("===" not in entry["text"] for entry in inside)
    assert lines[fences[0]] == lines[fences[1]]
    assert message.count(lines[fences[0]]) == 3


def test_a_dataset_without_any_text_is_refused_with_the_remedy(tmp_path: Path) -> None:
    folders = write_shop(tmp_path / "in", lambda u, i: None, lambda i: None)
    with pytest.raises(LmmrecError, match="lmmrec run shop --method base"):
        write_prompts("item", "shop", folders, tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "in"]


def test_ready_texts_become_motivations_and_are_never_sent(tmp_path: Path) -> None:
    ready: dict[str, dict[str, Any]] = {
        "user": {f"u{n:02d}": f"Person {n} likes slow mornings." for n in range(USERS)},
        "item": {f"i{n:02d}": f"Thing {n} for slow mornings." for n in range(ITEMS)},
    }
    folders = run_gate(run_prompts(write_shop(tmp_path / "in", ready=ready), tmp_path / "out"), tmp_path / "out")
    for entity in ("item", "user"):
        assert len(read_frame(folders[f"{entity}_prompts"] / "prompts.parquet")) == 0
        table = read_motivations(folders["validated_motivations"] / f"{entity}s.parquet")
        assert set(table["provenance"]) == {"imported"}
        assert table["summary"].tolist() == list(ready[entity].values())


def test_items_without_words_fall_back_to_title_and_users_to_titles(tmp_path: Path) -> None:
    folders = write_shop(tmp_path / "in", lambda u, i: None if i == 3 else usual_text(u, i), lambda i: None)
    run_prompts(folders, tmp_path / "out")
    row = read_motivations(folders["item_motivations"] / "motivations.parquet").iloc[3]
    assert row["provenance"] == "fallback"
    assert row["summary"] == "Device 3. Gadgets, Travel"
    assert "no text" in row["reason"]
