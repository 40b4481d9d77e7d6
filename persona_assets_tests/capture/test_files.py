import datetime as dt
import os
import pickle
import subprocess

import pytest
from upath import UPath

from persona_assets.capture.files import find_files, find_missing_hours
from persona_assets.errors import CaptureFilesError
from persona_assets_tests.assets.raw_events.builders import DAY, post, write_file

NAME = "bluesky-2-2025-03-01-00-10-12-4438b37d-5e75-4e86-9c74-01cd6084ee05"


def names(root, day=DAY, pattern=None):
    return [file.name for file in find_files(UPath(root), day, pattern=pattern)]


@pytest.mark.parametrize(
    "place",
    [
        f"bluesky-2025-03/01/00/{NAME}",
        f"01/00/{NAME}",
        "2025-03-01/events.jsonl.gz",
        "2025-03-01/00/events.jsonl",
        "2025/03/01/part-7",
        "2025/03/01/23/part-7",
    ],
)
def test_known_layouts_are_found(tmp_path, place):
    write_file(tmp_path / place, [post()])

    assert names(tmp_path) == [place]


def test_a_root_named_after_its_month_has_its_days_and_no_others(tmp_path):
    root = tmp_path / "bluesky-2025-03"
    write_file(root / "01" / "00" / "part", [post()])

    assert names(root) == ["01/00/part"]
    with pytest.raises(CaptureFilesError):
        names(root, dt.date(2025, 4, 1))


def test_the_first_folder_of_a_month_is_not_the_first_of_every_month(tmp_path):
    write_file(tmp_path / "01" / "00" / NAME, [post()])

    with pytest.raises(CaptureFilesError, match="no file for 2025-04-01"):
        names(tmp_path, dt.date(2025, 4, 1))


def test_two_months_in_one_folder_are_distinguished_by_file_names(tmp_path):
    write_file(tmp_path / "01" / "00" / NAME, [post()])
    write_file(tmp_path / "01" / "00" / NAME.replace("2025-03", "2025-04"), [post()])

    assert names(tmp_path) == [f"01/00/{NAME}"]


def test_a_file_that_was_open_at_midnight_belongs_to_its_folder(tmp_path):
    late = NAME.replace("2025-03-01-00", "2025-02-28-23")
    write_file(tmp_path / "01" / "00" / NAME, [post()])
    write_file(tmp_path / "01" / "00" / late, [post()])

    assert names(tmp_path) == [f"01/00/{late}", f"01/00/{NAME}"]


def test_days_without_a_month_anywhere_are_not_guessed(tmp_path):
    write_file(tmp_path / "01" / "00" / "part", [post()])

    with pytest.raises(CaptureFilesError, match="there is 01/.*PERSONA_CAPTURE_PATTERN"):
        names(tmp_path)
    assert names(tmp_path, pattern="%d") == ["01/00/part"]


def test_a_pattern_names_folder_or_file(tmp_path):
    write_file(tmp_path / "dump" / "day060" / "x", [post()])
    write_file(tmp_path / "flat" / "20250301.ndjson", [post()])

    assert names(tmp_path, pattern="dump/day%j") == ["dump/day060/x"]
    assert names(tmp_path, pattern="flat/%Y%m%d.ndjson") == ["flat/20250301.ndjson"]


def test_no_capture_says_which_variable_to_set(tmp_path):
    with pytest.raises(CaptureFilesError, match="PERSONA_CAPTURE to the folder"):
        names(tmp_path / "nowhere")


def test_a_missing_day_says_what_was_looked_for_and_what_is_there(tmp_path):
    write_file(tmp_path / "2025-02-28" / "secret-name", [post()])

    with pytest.raises(CaptureFilesError) as caught:
        names(tmp_path)

    message = str(caught.value)
    for part in ("2025-03-01", "bluesky-2025-03/01", "2025/03/01", "2025-02-28/", "PERSONA_CAPTURE_PATTERN"):
        assert part in message
    assert "secret-name" not in message


def test_a_day_of_empty_folders_raises(tmp_path):
    (tmp_path / "2025-03-01" / "00").mkdir(parents=True)

    with pytest.raises(CaptureFilesError, match="no file for 2025-03-01"):
        names(tmp_path)


def test_a_day_in_two_layouts_is_an_error(tmp_path):
    write_file(tmp_path / "2025-03-01" / "a", [post()])
    write_file(tmp_path / "2025" / "03" / "01" / "a", [post()])

    with pytest.raises(CaptureFilesError, match="2025-03-01 lies at 2025-03-01, 2025/03/01"):
        names(tmp_path)


def test_hidden_files_are_ignored(tmp_path):
    write_file(tmp_path / "2025-03-01" / "a", [post()])
    write_file(tmp_path / "2025-03-01" / ".part", [post()])

    assert names(tmp_path) == ["2025-03-01/a"]


def test_an_empty_folder_in_place_of_a_file_is_reported(tmp_path):
    write_file(tmp_path / "2025-03-01" / "a", [post()])
    (tmp_path / "2025-03-01" / "b.jsonl").mkdir()
    (tmp_path / "2025-03-01" / "07").mkdir()

    files = find_files(UPath(tmp_path), DAY, pattern=None)

    assert [(file.name, file.problem) for file in files] == [
        ("2025-03-01/a", None),
        ("2025-03-01/b.jsonl", "a folder where a file should be"),
    ]


def day_files(root):
    return [
        (file.name.removeprefix("2025-03-01/"), file.problem) for file in find_files(UPath(root), DAY, pattern=None)
    ]


NO_FILE = "not a file, folder or link"
AGAIN = "a folder that was listed under another name: a link leads back to it"


def test_links_are_followed_and_pipes_and_devices_are_not_opened(tmp_path):
    write_file(tmp_path / "elsewhere" / "00" / "a", [post()])
    day = tmp_path / "2025-03-01"
    day.mkdir()
    (day / "00").symlink_to(tmp_path / "elsewhere" / "00")
    (day / "file").symlink_to(tmp_path / "elsewhere" / "00" / "a")
    (day / "gone").symlink_to(tmp_path / "nowhere")
    (day / "itself").symlink_to(day / "itself")
    (day / "zeros").symlink_to("/dev/zero")
    os.mkfifo(day / "pipe")
    (day / "to-pipe").symlink_to(day / "pipe")

    assert sorted(day_files(tmp_path)) == [
        ("00/a", None),
        ("file", None),
        ("gone", None),
        ("itself", None),
        ("pipe", NO_FILE),
        ("to-pipe", NO_FILE),
        ("zeros", NO_FILE),
    ]
    with pytest.raises(OSError, match="Too many levels"):
        next(file for file in find_files(UPath(tmp_path), DAY, pattern=None) if file.name.endswith("itself")).open()


@pytest.mark.parametrize("target", ["2025-03-01", "2025-03-01/00", ".", "..", "/"])
def test_links_that_lead_back_are_reported(tmp_path, target):
    write_file(tmp_path / "2025-03-01" / "00" / "a", [post()])
    (tmp_path / "2025-03-01" / "00" / "loop").symlink_to(tmp_path / target)

    assert day_files(tmp_path) == [("00/a", None), ("00/loop", AGAIN)]


def test_a_folder_that_many_links_lead_to_is_listed_once(tmp_path):
    for level in range(30):
        folder = tmp_path / "2025-03-01" / "levels" / f"{level:02}"
        folder.mkdir(parents=True)
        for name in ("one", "other"):
            (folder / name).symlink_to(folder.parent / f"{level + 1:02}")
    write_file(tmp_path / "2025-03-01" / "levels" / "30" / "a", [post()])

    files = day_files(tmp_path)

    assert [name.rpartition("/")[2] for name, problem in files if problem is None] == ["a"]
    assert [problem for _, problem in files if problem is not None] == [AGAIN] * 60


def test_folders_are_listed_to_a_depth_of_32(tmp_path):
    deepest = tmp_path / "2025-03-01" / "/".join(["d"] * 32)
    write_file(deepest / "a", [post()])
    here = os.open(deepest, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)

    try:
        assert [(name.rpartition("d/")[2], problem) for name, problem in day_files(tmp_path)] == [
            ("a", None),
            ("d", "folders in one another, more than 32 deep"),
        ]
    finally:
        subprocess.run(["rm", "-rf", str(deepest)], check=True)  # deeper than Python's own can go


def test_names_that_are_not_utf8_are_escaped_and_stay_distinct(tmp_path):
    names = [b"\xff", b"\xfe", b"\\xff", b"\\\\xff", "é\n".encode()]
    for name in names:
        write_file(tmp_path / "2025-03-01" / os.fsdecode(name), [post(str(name))])

    files = find_files(UPath(tmp_path), DAY, pattern=None)

    assert sorted(file.name.removeprefix("2025-03-01/").encode() for file in files) == sorted(
        [b"\\xff", b"\\xfe", b"\\\\xff", b"\\\\\\\\xff", "é\n".encode()]
    )
    contents = set()
    for file in files:
        with file.open() as opened:
            contents.add(opened.read())
    assert len(contents) == len(names)


ODD_NAMES = ["a:b", "file::x", "http:", "s3::x", "simplecache::x", "zip::folder/a", "zip::z", "~"]


@pytest.mark.parametrize("url", ["{}", "file://{}"])
def test_names_that_look_like_urls_are_taken_literally(tmp_path, url):
    for name in ODD_NAMES:
        write_file(tmp_path / "2025-03-01" / name, [post(name)])
    (tmp_path / "zip::other").mkdir()

    files = find_files(UPath(url.format(tmp_path)), DAY, pattern=None)

    assert [file.name.removeprefix("2025-03-01/") for file in files] == ODD_NAMES
    sent = pickle.loads(pickle.dumps(files))  # noqa: S301 - as workers get them
    for name, file in zip(ODD_NAMES, sent, strict=True):
        with file.open() as opened:
            assert f'"{name}"'.encode() in opened.read()
    with pytest.raises(CaptureFilesError, match="there is 2025-03-01/, zip::other/"):
        names(url.format(tmp_path), dt.date(2025, 4, 1))


def test_a_name_that_cannot_be_opened_at_a_url_is_reported():
    root = UPath("memory://captures/odd")
    (root / "2025-03-01").mkdir(parents=True)
    (root / "2025-03-01" / "a").write_bytes(b"{}\n")
    root.fs.pipe(f"{root.path}/2025-03-01/zip::z", b"{}\n")

    assert [(file.name, file.size, file.problem) for file in find_files(root, DAY, pattern=None)] == [
        ("2025-03-01/a", 3, None),
        ("2025-03-01/zip::z", 3, "a name that its file system takes for a URL: rename it"),
    ]


def test_a_capture_may_lie_at_a_url():
    root = UPath("memory://captures/one")
    (root / "2025-03-01" / "00").mkdir(parents=True)
    (root / "2025-03-01" / "00" / "a").write_bytes(b"{}\n")

    (file,) = find_files(root, DAY, pattern=None)

    assert (file.name, file.size) == ("2025-03-01/00/a", 3)
    assert file.path.read_bytes() == b"{}\n"


LATE = NAME.replace("2025-03-01-00", "2025-02-28-23")


@pytest.mark.parametrize(
    ("inside", "pattern", "present"),
    [
        (["2025-03-01/05/a", "2025-03-01/06/a"], None, [5, 6]),
        (["2025/03/01/05/a"], None, [5]),
        ([f"01/00/{NAME}"], None, [0]),
        ([f"2025-03-01/{NAME.replace('-00-10-12', '-17-00-00')}"], None, [17]),
        (["bluesky-2025-03/01/23/x"], None, [23]),
        ([f"bluesky-2025-03/01/{NAME}"], None, [0]),
        ([f"bluesky-2025-03/01/00/{LATE}", f"bluesky-2025-03/01/{NAME.replace('01-00', '01-05')}"], None, [0, 5]),
        ([f"2025-03-01/{NAME}", f"2025-03-01/{LATE}"], None, [0]),
        (["dumps/03/01/05/a"], "dumps/%m/%d", [5]),
        (["2025-03-01/07.jsonl.zst", "2025-03-01/07-2.jsonl.zst", "2025-03-01/23-11.jsonl.zst"], None, [7, 23]),
    ],
)
def test_hours_are_read_from_names_of_folders_or_files(tmp_path, inside, pattern, present):
    for place in inside:
        write_file(tmp_path / place, [post()])

    missing = find_missing_hours(find_files(UPath(tmp_path), DAY, pattern=pattern))

    assert sorted(set(range(24)) - set(missing)) == present


@pytest.mark.parametrize(
    ("place", "pattern"),
    [
        ("2025/03/01/all.jsonl", None),
        ("bluesky-2025-03/01/all.jsonl", None),
        ("2025-03-01/all.jsonl", None),
        ("2025-03-01/07.jsonl", None),  # perhaps the seventh file
        ("2025-03-01/24.jsonl.zst", None),
        (f"2025-03-01/{LATE}", None),
        ("01/all.jsonl", "%d"),
        ("dumps/03/01.jsonl", "dumps/%m/%d.jsonl"),
        ("x/01/all.jsonl", "x/%d"),
    ],
)
def test_hours_are_unknown_if_no_name_shows_one(tmp_path, place, pattern):
    write_file(tmp_path / place, [post()])

    assert find_missing_hours(find_files(UPath(tmp_path), DAY, pattern=pattern)) is None


@pytest.mark.parametrize("day", range(1, 32))
def test_a_folder_of_a_day_is_not_taken_for_an_hour(tmp_path, day):
    write_file(tmp_path / "bluesky-2025-03" / f"{day:02}" / "part", [post()])

    assert find_missing_hours(find_files(UPath(tmp_path), dt.date(2025, 3, day), pattern=None)) is None


def test_hidden_folders_are_not_listed_among_those_that_exist(tmp_path):
    write_file(tmp_path / "2025-03-09" / "07.jsonl.zst", [post()])
    write_file(tmp_path / ".replay-1-2" / "2025-03-01" / "07.jsonl.zst", [post()])

    with pytest.raises(CaptureFilesError, match="there is 2025-03-09/. Set"):
        find_files(UPath(tmp_path), DAY, pattern=None)
