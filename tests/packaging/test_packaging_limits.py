import pytest

from pycape.errors import BundleTooLarge
from pycape.packaging import MAX_FILES, MAX_SIZE, Part, Sizes, _collect, _files
from pycape.packaging._files import File, check_together
from pycape.packaging._sizes import in_words, sizes_of


def test_the_limits_are_those_of_the_platform():
    assert (MAX_FILES, MAX_SIZE) == (100_000, 1024**3)


def test_too_many_bytes_are_refused_with_the_largest_named(function, bundle):
    (function / "model.onnx").write_bytes(b"x" * 5000)
    (function / "words.txt").write_bytes(b"x" * 50)
    with pytest.raises(BundleTooLarge) as caught:
        bundle(function, max_size=4096)
    error = caught.value
    assert "in 3 files; the limit is 4.0 KiB; largest: model.onnx (4.9 KiB), words" in str(error)
    assert error.details == {"size": "5092", "limit": "4096"}
    assert ".capeignore" in error.hint


def test_a_folder_that_is_too_large_is_not_read(function, bundle, monkeypatch):
    with (function / "model.onnx").open("wb") as opened:
        opened.truncate(MAX_SIZE)
    monkeypatch.setattr("pycape.packaging._package.write_zip", None)
    with pytest.raises(BundleTooLarge, match=r"1\.0 GiB"):
        bundle(function)


def test_the_size_of_the_zip_itself_counts(function, bundle):
    size = bundle(function).size
    assert bundle(function, max_size=size).size == size
    with pytest.raises(BundleTooLarge):
        bundle(function, max_size=size - 1)


def test_dependencies_count(function, bundle, index):
    index.wheel("large", "1.0", files={"large/data.bin": b"x" * 100_000})
    (function / "requirements.txt").write_text(f"{index.options}large\n")
    with pytest.raises(BundleTooLarge, match="largest: large"):
        bundle(function, max_size=90_000)


def test_too_many_files_are_refused(function, bundle, monkeypatch):
    for number in range(5):
        (function / f"{number}.txt").write_bytes(b"")
    monkeypatch.setattr(_collect, "MAX_FILES", 6)
    monkeypatch.setattr(_files, "MAX_FILES", 6)
    assert len(bundle(function).files) == 6
    (function / "last").write_bytes(b"")
    with pytest.raises(BundleTooLarge, match="7 files or more; a bundle holds at most 6"):
        bundle(function)


def test_names_that_take_too_much_room_are_refused(tmp_path):
    files = [File(f"{number:0250}", tmp_path, 0) for number in range(99_000)]
    check_together(files)
    longer = [File(f"{'d' * 200}/{file.name}", tmp_path, 0) for file in files]
    with pytest.raises(BundleTooLarge, match="the names of the files take 49,203,000 bytes"):
        check_together(longer)


def test_sizes_are_added_up_by_the_first_part_of_the_name(tmp_path):
    files = [
        File("app.py", tmp_path, 10),
        File("numpy/a.so", tmp_path, 3000),
        File("numpy/b/c.py", tmp_path, 96),
    ]
    sizes = sizes_of(files)
    assert sizes == Sizes(3106, 3, (Part("numpy", 3096, 2), Part("app.py", 10, 1)))


def test_the_table_shows_ten_and_the_rest(tmp_path):
    files = [File(f"part{number:02}", tmp_path, 1000 * number) for number in range(1, 13)]
    sizes = sizes_of(files)
    assert len(sizes.largest) == 10
    lines = sizes.table().splitlines()
    assert lines[0] == "part12    11.7 KiB        1 file"
    assert lines[10] == "2 more     2.9 KiB        2 files"
    assert lines[11] == "total     76.2 KiB       12 files"
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1024**2, "1.0 MiB"),
        (140_000_000, "133.5 MiB"),
        (1024**3, "1.0 GiB"),
        (3000 * 1024**3, "3000.0 GiB"),
    ],
)
def test_sizes_in_words(size, text):
    assert in_words(size) == text
