"""`examples/train.py` trains a tiny model on a persona: the loss falls, and that of chats is on its turns alone.

Needs the extra `train`, which `make test-train` installs beside the other tests' environment.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_assets.assets.dataset import build as build_module
from persona_assets.assets.dataset.build import ReleaseInputs, build_release
from persona_assets.assets.dataset.card_front_matter import render_front_matter
from persona_assets.assets.dataset.release_schemas import FORMS, PAIRED_FORMS
from persona_assets_tests.assets.dataset.builders import OPTIONS, ORIGIN, count_words, keep_all, persona_of
from persona_assets_tests.assets.dataset.pair_builders import Window, follow, like, post

ROOT = Path(__file__).parents[2]
CARD = "You are a user of a social network who bakes."
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

# Few and different, so that some steps are enough to learn them by heart.
IGNORED_AND_LIKED = [
    ("football tonight", "fresh bread"),
    ("new phone", "old garden"),
    ("rain again", "warm rolls"),
    ("late train", "sweet tea"),
]

# Warnings are those of TRL and transformers about each other.
pytestmark = [pytest.mark.train, pytest.mark.slow, pytest.mark.filterwarnings("default")]


def make_chat(number):
    """A chat in which the persona answers twice, the second time with an act."""
    topic = ("sourdough", "rye", "baguette")[number % 3]
    return [
        {"role": "system", "content": CARD},
        {"role": "user", "content": f"@user1: who bakes {topic} today?"},
        {"role": "assistant", "content": json.dumps({"text": f"I bake {topic}"})},
        {"role": "user", "content": f"@user2: {topic} number {number} is done"},
        {"role": "assistant", "content": json.dumps({"actions": {"like": True}})},
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set with one persona, in the form that the asset `dataset` writes."""
    root = tmp_path_factory.mktemp("dataset")
    place = root / "data" / "chat" / "persona_3"
    place.mkdir(parents=True)
    for split, numbers in (("train", range(48)), ("validation", range(48, 56)), ("test", range(56, 60))):
        chats = [make_chat(number) for number in numbers]
        table = pa.table(
            [
                ["persona_3"] * len(chats),
                list(numbers),
                [split] * len(chats),
                pa.array(chats, MESSAGES),
                pa.array([chat[:-1] for chat in chats], MESSAGES),
                pa.array([chat[-1:] for chat in chats], MESSAGES),
            ],
            names=["persona", "line_id", "split", "messages", "prompt", "completion"],
        )
        pq.write_table(table, place / f"{split}-00000-of-00001.parquet")
    files = "".join(
        f"  - split: {split}\n    path: data/chat/persona_3/{split}-*.parquet\n"
        for split in ("train", "validation", "test")
    )
    (root / "README.md").write_text(f"---\nconfigs:\n- config_name: persona_3\n  data_files:\n{files}---\n", "utf-8")
    return root


@pytest.fixture(scope="module")
def paired(tmp_path_factory):
    """A data set of preferences that the code of the asset makes: a user likes some posts and ignores others."""
    root = tmp_path_factory.mktemp("paired")
    rows = [follow("ann", "star")]
    for number, (ignored, liked) in enumerate(IGNORED_AND_LIKED):
        hour = 2 * number + 1
        rows += [
            post("star", f"s{number}", hour, ignored),
            post("other", f"o{number}", hour, liked),
            like("ann", "other", f"o{number}", hour + 0.5),
        ]
    window = Window(rows, root)
    given = ReleaseInputs(
        window.lines, window.line_messages, window.user_actions, [persona_of(0, 5)], ignored=window.evidence
    )
    folder, scratch = root / "folder", root / "scratch"
    folder.mkdir()
    scratch.mkdir()
    options = OPTIONS._replace(forms=PAIRED_FORMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_module, "split_lines", keep_all)
        made = build_release(
            given, options, folder, origin=ORIGIN, count_tokens=count_words, memory_limit="500MB", scratch=scratch
        )
    front = render_front_matter(
        made.shards,
        {form: FORMS[form] for form in PAIRED_FORMS},
        license_name="other",
        pretty_name="pairs",
        language="en",
        gate="",
    )
    (folder / "README.md").write_text(front, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """The script as a module."""
    pytest.importorskip("trl", reason="needs the extra train: make test-train")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
        spec = importlib.util.spec_from_file_location("train", ROOT / "examples" / "train.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        # Threads of a tiny model wait for each other more than they compute, above all on a busy machine.
        module.torch.set_num_threads(1)
        yield module


def build(train, folder, out, *more):
    arguments = [str(folder), "--persona", "persona_3", "--out", str(out), "--cpu", *more]
    return train.build_trainer(train.parse_options(arguments))


def find_learnt(trainer):
    """Return the text of the tokens of the first example whose loss counts, and of the others."""
    tokenizer = trainer.processing_class
    batch = next(iter(trainer.get_train_dataloader()))
    ids, labels, attended = (batch[name][0].tolist() for name in ("input_ids", "labels", "attention_mask"))
    learnt = [token for token, label in zip(ids, labels, strict=True) if label != -100]
    others = [token for token, label, real in zip(ids, labels, attended, strict=True) if label == -100 and real]
    return tokenizer.decode(learnt), tokenizer.decode(others)


def test_only_the_last_turn_of_the_persona_is_learnt(train, folder, tmp_path):
    learnt, others = find_learnt(build(train, folder, tmp_path))

    assert learnt.strip() == '{"actions": {"like": true}}<|im_end|>'
    assert CARD in others
    assert "@user1: who bakes" in others
    assert "I bake" in others


def test_all_turns_of_the_persona_and_nothing_else_may_be_learnt(train, folder, tmp_path):
    learnt, others = find_learnt(build(train, folder, tmp_path, "--turns", "all"))

    assert learnt.count("<|im_end|>") == 2
    assert '{"text": "I bake' in learnt
    assert '{"actions": {"like": true}}' in learnt
    assert not any(words in learnt for words in ("@user", CARD, "system", "<|im_start|>"))
    assert not any(words in others for words in ("I bake", "actions"))


@pytest.mark.parametrize("turns", ["last", "all"])
def test_the_loss_falls_on_training_and_validation_examples(train, folder, tmp_path, turns):
    trainer = build(train, folder, tmp_path, "--turns", turns, "--steps", "20", "--batch", "4")
    before = trainer.evaluate()["eval_loss"]

    trainer.train()

    losses = train.find_losses(trainer)
    assert losses[-1] < 0.5 * losses[0]
    assert trainer.evaluate()["eval_loss"] < 0.5 * before


def test_the_command_saves_a_model_that_loads_again(train, folder, tmp_path):
    options = ["--persona", "persona_3", "--out", str(tmp_path / "one"), "--cpu", "--steps", "2", "--batch", "2"]
    command = [sys.executable, "examples/train.py", str(folder), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "48 examples of persona_3, on cpu" in done.stdout
    again = build(train, folder, tmp_path / "two", "--model", str(tmp_path / "one"))
    assert find_learnt(again)[0].strip() == '{"actions": {"like": true}}<|im_end|>'


@pytest.mark.parametrize(
    ("form", "trainer_name", "examples", "first_loss"),
    [("preference", "DPOTrainer", 4, 0.693), ("unpaired_preference", "KTOTrainer", 8, 0.5)],
)
def test_preferences_are_learnt_by_the_trainer_of_their_form(  # noqa: PLR0913, PLR0917 - fixtures and cases
    train, paired, tmp_path, form, trainer_name, examples, first_loss
):
    options = ["--form", form, "--steps", "30", "--batch", f"{examples}"]
    arguments = [str(paired), "--persona", "all", "--out", str(tmp_path), "--cpu", *options]
    trainer = train.build_trainer(train.parse_options(arguments))
    assert (type(trainer).__name__, len(trainer.train_dataset)) == (trainer_name, examples)

    trainer.train()

    losses, margins = train.find_losses(trainer), train.find_losses(trainer, "rewards/margins")
    # Before the first step the model is its own reference, so that both answers are as good.
    assert losses[0] == pytest.approx(first_loss, abs=0.05)
    assert losses[-1] < 0.8 * losses[0]
    assert margins[-1] > margins[0] + 0.3
