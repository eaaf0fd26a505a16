"""From a text to a task."""

import math
import pickle
import string
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from searchitect.core import DataError, SettingError, SpaceError
from searchitect.spaces import default_space, make_space
from searchitect.tasks import Task, TextEncoder, deployment_from_json, load_task, task_to_json
from tests.real_data import real_data
from tests.texts import sentences, write_text


def encoder_of(task: Task) -> TextEncoder:
    assert isinstance(task.encoder, TextEncoder)
    return task.encoder


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("text"), sentences(400))


def test_a_text_becomes_contiguous_parts_of_90_5_and_5_percent(story: Path) -> None:
    task = load_task(story, task="characters")
    whole = encoder_of(task).codes(story.read_text(encoding="utf-8"))
    assert task.info.kind == "language-modelling"
    assert task.info.input_shape == (64,)
    assert task.info.train_rows == len(task.train)
    lengths = np.array([part.x.numel() for part in (task.train, task.valid, task.test)])
    assert np.abs(lengths / len(whole) - [0.9, 0.05, 0.05]).max() < 0.01
    assert (task.train.x.flatten().numpy() == whole[: lengths[0]]).all()
    # the parts come in the order of the text, each a whole number of segments
    texts = [encoder_of(task).decode(part.x.flatten().tolist()) for part in (task.train, task.valid, task.test)]
    places = [story.read_text(encoding="utf-8").find(text) for text in texts]
    assert all(place + len(text) <= after for place, text, after in zip(places, texts, places[1:], strict=False))
    rows = np.concatenate([part.rows for part in (task.train, task.valid, task.test)])
    assert (rows == np.arange(len(rows))).all()


def test_each_token_is_answered_by_the_one_after_it(story: Path) -> None:
    task = load_task(story)
    for part in (task.train, task.valid, task.test):
        assert torch.equal(part.x.flatten()[1:], part.y.flatten()[:-1])


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        (sentences(300), "words"),
        ("".join(f"{word} " * 9 for word in (a + b for a in string.ascii_letters for b in "xyz")), "characters"),
        ("".join(f"{word} " * 12 for word in (a + b for a in string.ascii_letters for b in "xyz")), "words"),
        ("ACGT" * 500, "characters"),
    ],
)
def test_words_where_each_comes_often_and_characters_else(tmp_path: Path, text: str, unit: str) -> None:
    task = load_task(write_text(tmp_path, text))
    assert encoder_of(task).unit == unit
    assert task.notes[0].startswith(f"the text is read as {unit}: ")
    other = "characters" if unit == "words" else "words"
    if unit == "words" or " " in text:
        assert encoder_of(load_task(write_text(tmp_path, text), task=other)).unit == other


def test_the_vocabulary_comes_from_the_training_part_alone(tmp_path: Path) -> None:
    text = sentences(400) + "zebra " * 60 + "\n"
    task = load_task(write_text(tmp_path, text), task="words")
    assert "zebra" not in encoder_of(task).vocabulary
    assert (task.test.x == 0).sum() >= 20  # they are <unk>
    assert (task.train.x == 0).sum() == 0


def test_rare_words_are_unknown_and_the_others_ordered_by_how_often_they_come(tmp_path: Path) -> None:
    text = "twice twice " + sentences(400)
    encoder = encoder_of(load_task(write_text(tmp_path, text), task="words"))
    counts = Counter(text.replace("\n", " <eos> ").split())
    assert encoder.vocabulary[0] == "<unk>"
    assert "twice" not in encoder.vocabulary
    assert encoder.vocabulary[1:3] == tuple(token for token, _ in counts.most_common(2))


def test_no_more_than_ten_thousand_tokens(tmp_path: Path) -> None:
    text = " ".join(f"w{k % 12_000}" for k in range(48_000))
    task = load_task(write_text(tmp_path, text), task="words")
    assert task.info.outputs == len(encoder_of(task).vocabulary) == 10_000
    assert "are <unk>" in task.notes[1]


@pytest.mark.parametrize("unit", ["words", "characters"])
def test_encoding_and_decoding_give_the_text_back(story: Path, unit: str) -> None:
    encoder = encoder_of(load_task(story, task=unit))
    text = "the cat saw\na dog ate\n"
    codes = encoder.encode(text)
    assert codes.shape == (1, 8 if unit == "words" else len(text))
    assert encoder.decode(codes[0].tolist()) == text
    assert encoder.encode("the Ω")[0, -1] == 0


def test_a_task_survives_json_and_pickle(story: Path) -> None:
    task = load_task(story)
    found = deployment_from_json(task_to_json(task))
    assert (found.info, found.encoder) == (task.info, task.encoder)
    again = pickle.loads(pickle.dumps(task))
    assert torch.equal(again.train.y, task.train.y)
    assert again.fingerprint == task.fingerprint


def test_always_answering_the_token_frequencies_is_the_baseline(tmp_path: Path) -> None:
    # a, b, c, d in equal parts: 2 bits per character, but for the one that every token is counted more
    task = load_task(write_text(tmp_path, "abcd" * 5000))
    assert task.baseline_score["perplexity"] == pytest.approx(4, abs=0.01)
    assert task.baseline_score["bits_per_character"] == pytest.approx(2, abs=0.005)
    assert task.baseline_score["loss"] == pytest.approx(math.log(4), abs=0.005)
    assert "bits_per_character" not in load_task(write_text(tmp_path, sentences(300)), task="words").baseline_score


def test_parts_that_the_data_bring_are_kept(tmp_path: Path) -> None:
    for name, lines in (("train", 100), ("valid", 20), ("test", 30)):
        write_text(tmp_path, sentences(lines, seed=lines), f"{name}.txt")
    task = load_task(tmp_path)
    assert task.info.name == tmp_path.name
    for part, lines in ((task.train, 100), (task.valid, 20), (task.test, 30)):
        codes = encoder_of(task).codes(sentences(lines, seed=lines))
        assert (part.x.flatten().numpy() == codes[: part.x.numel()]).all()
        assert len(part) == (len(codes) - 1) // 35
    with pytest.raises(SettingError, match=r"valid=0.1: the data bring their own valid part"):
        load_task(tmp_path, valid=0.1)


def test_fractions_may_be_set_and_line_ends_and_marks_do_not_matter(tmp_path: Path) -> None:
    text = sentences(400)
    task = load_task(write_text(tmp_path, text), valid=0.2, test=0.3)
    assert [round(len(p) / (len(text.replace("\n", " x ").split()) / 35), 1) for p in (task.valid, task.test)] == [0.2, 0.3]
    windows = tmp_path / "windows.txt"
    windows.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load_task(windows, valid=0.2, test=0.3).fingerprint == task.fingerprint


def test_with_a_target_a_txt_file_is_a_table(tmp_path: Path) -> None:
    rows = "".join(f"{k},{k % 2}\n" for k in range(60))
    assert load_task(write_text(tmp_path, f"a,b\n{rows}"), target="b").info.kind == "table-classification"


def test_user_mistakes_end_with_one_sentence(tmp_path: Path) -> None:
    text = write_text(tmp_path, sentences(300))
    with pytest.raises(DataError, match="is empty, so there is nothing to learn"):
        load_task(write_text(tmp_path, " \n\n", "empty.txt"))
    latin = tmp_path / "latin.txt"
    latin.write_bytes("Gr\u00fc\u00dfe ".encode("latin-1") * 300)
    with pytest.raises(DataError, match=r"is no text in UTF-8 \(byte 2 is 0xfc\); save it as UTF-8"):
        load_task(latin)
    with pytest.raises(DataError, match=r"the train part has 36 words, at least 281 are needed: .*, or read it as characters"):
        load_task(write_text(tmp_path, "a b c\n" * 10, "short.txt"), task="words")
    with pytest.raises(DataError, match=r"the valid part has .* characters, at least 65 are needed"):
        load_task(write_text(tmp_path, "abc" * 300, "shortish.txt"))
    with pytest.raises(SettingError, match="task='classification': a text is read as 'words' or as 'characters'"):
        load_task(text, task="classification")
    with pytest.raises(SettingError, match="test=2: must be a fraction"):
        load_task(text, test=2)
    with pytest.raises(DataError, match="no such file or folder"):
        load_task(tmp_path / "absent.txt")
    encoder = encoder_of(load_task(text))
    with pytest.raises(DataError, match="there is no token to go on from"):
        encoder.encode("")
    with pytest.raises(DataError, match="a list is no text"):
        encoder.encode([1, 2])


def test_spaces_of_other_tasks_are_refused_with_those_that_fit(story: Path) -> None:
    info = load_task(story).info
    with pytest.raises(SpaceError, match="spaces that fit are darts-rnn, enas-rnn, nas-rl-rnn"):
        make_space("convnet", info)
    with pytest.raises(SpaceError, match="'darts-rnn' builds no networks for image-classification"):
        make_space("darts-rnn", load_task("digits").info)
    assert default_space(info).name == "darts-rnn"


def test_real_texts(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(real_data("text.zip")) as file:
        names = [f"brown/{part}.txt" for part in ("train", "valid", "test")]
        file.extractall(tmp_path, [*names, "tinyshakespeare/input.txt"])
    shakespeare = load_task(tmp_path / "tinyshakespeare" / "input.txt")
    assert encoder_of(shakespeare).unit == "characters"
    assert shakespeare.info.outputs == 65  # of 65 different ones, the only $ is <unk>
    brown = load_task(tmp_path / "brown")
    assert encoder_of(brown).unit == "words"
    assert brown.info.outputs == 10_000
