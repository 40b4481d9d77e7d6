"""The command `python -m persona_assets.sample`."""

import json

import pytest

from persona_assets.sample.__main__ import main

TINY = ["--days", "1", "--users", "12", "--personas", "2", "--start", "2025-04-30", "--seed", "3"]


def test_the_command_prints_the_counts(tmp_path, capsys):
    assert main(["--out", str(tmp_path / "capture"), *TINY]) == 0

    manifest = json.loads((tmp_path / "capture.manifest.json").read_text())
    said = capsys.readouterr().out
    assert f"{manifest['lines']:,} lines in {manifest['files']} files, 1 days, 12 users, 2 personas" in said
    assert (tmp_path / "capture/bluesky-2025-04/30").is_dir()


@pytest.mark.parametrize("wrong", [["--users", "1"], ["--days", "0"]])
def test_an_argument_out_of_range_is_a_one_line_error(tmp_path, capsys, wrong):
    with pytest.raises(SystemExit) as exit_info:
        main(["--out", str(tmp_path / "capture"), *TINY, *wrong])

    assert exit_info.value.code == 1
    assert "ask for" in capsys.readouterr().err


def test_another_folder_is_not_overwritten_without_force(tmp_path, capsys):
    (tmp_path / "capture").mkdir()
    (tmp_path / "capture/own").write_text("mine")

    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path / "capture"), *TINY])
    assert "--force" in capsys.readouterr().err
    assert main(["--out", str(tmp_path / "capture"), *TINY, "--force"]) == 0
