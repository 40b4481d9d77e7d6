"""The table of personas says what stats.json says, and where the files are."""

import json

import pytest

from persona_assets.sample.show import main

STATS = {
    "day": "2025-03-03",
    "n_clusters": 2,
    "clusters": [
        {
            "cluster_id": 0,
            "label": "dough, oven",
            "users": 1200,
            "share": 0.75,
            "words": [{"word": word, "score": 0.1, "users": 9} for word in ("dough", "oven", "rye")],
        },
        {"cluster_id": 1, "label": "", "users": 400, "share": 0.25, "words": []},
    ],
}


def write_stats(data, content):
    folder = data / "cluster_stats" / "2025-03-03"
    folder.mkdir(parents=True)
    (folder / "stats.json").write_text(json.dumps(content))
    return folder


def test_each_persona_has_a_line(tmp_path, capsys):
    write_stats(tmp_path, STATS)

    assert main(["--data", str(tmp_path), "--day", "2025-03-03"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 personas of 1,600 users on 2025-03-03"
    assert lines[3].split() == ["0", "1,200", "75.0%", "dough,", "oven,", "rye"]
    assert lines[4].split() == ["1", "400", "25.0%"]


def test_files_that_are_there_are_named_in_full(tmp_path, capsys, monkeypatch):
    folder = write_stats(tmp_path / "assets", STATS)
    (folder / "report.md").write_text("# Personas")
    monkeypatch.chdir(tmp_path)

    main(["--data", "assets", "--day", "2025-03-03"])

    said = capsys.readouterr().out
    assert f"  {folder / 'report.md'}\n" in said
    assert f"  {folder / 'stats.json'}\n" in said
    assert "report.html" not in said


@pytest.mark.parametrize(("content", "remedy"), [(None, "materialize cluster_stats"), ({"day": 1}, "make it again")])
def test_statistics_that_cannot_be_read_are_one_line_and_a_failure(tmp_path, capsys, content, remedy):
    if content is not None:
        write_stats(tmp_path, content)

    with pytest.raises(SystemExit) as exit_info:
        main(["--data", str(tmp_path), "--day", "2025-03-03"])

    assert exit_info.value.code == 1
    assert remedy in capsys.readouterr().err
