"""Bad raw rows: every row is kept, collapsed or quarantined with its line, and the rest is not touched."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.datasets.formats.json_lines import find_lines
from assets.datasets.reviews import MAX_TEXT_CHARACTERS
from models.errors import LmmrecError
from tests.assets.datasets.raw import amazon, lines, read_items, read_reviews, write

pytestmark = pytest.mark.integration

GOOD = lines([amazon()])


def quarantined(tmp_path: Path, format_name: str, content: bytes | str, name: str = "r.json") -> list[tuple[int, str]]:
    _, _, quarantine = read_reviews(format_name, write(tmp_path / name, content), tmp_path / "out")
    return [(row["line"], row["reason"]) for row in quarantine]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"reviewerID": "u", "asin"', "malformed line"),
        ("[1, 2]", "malformed line"),
        ('"text"', "malformed line"),
        (GOOD.strip() + GOOD.strip(), "malformed line"),
        ('{"user": "u", "sku": "i"}', "none of the format's fields (has sku, user)"),
        (lines([amazon(user=...)]).strip(), "user_id is missing"),
        (lines([amazon(user=None)]).strip(), "user_id is missing"),
        (lines([amazon(user=" \t")]).strip(), "user_id is empty"),
        (lines([amazon(user={"a": 1})]).strip(), "user_id is neither text nor number"),
        (lines([amazon(item=...)]).strip(), "item_id is missing"),
        (lines([amazon(item="")]).strip(), "item_id is empty"),
        (lines([amazon(item=["a"])]).strip(), "item_id is neither text nor number"),
        (lines([amazon(overall=...)]).strip(), "rating is missing"),
        (lines([amazon(overall="five")]).strip(), "rating is not a number"),
        (lines([amazon(overall=6)]).strip(), "rating is out of range"),
        (lines([amazon(overall=0)]).strip(), "rating is out of range"),
        (lines([amazon(overall="NaN")]).strip(), "rating is out of range"),
        (lines([amazon(unixReviewTime="soon")]).strip(), "timestamp is no time"),
        (lines([amazon(unixReviewTime=-5)]).strip(), "timestamp is no time"),
        (lines([amazon(unixReviewTime=1e18)]).strip(), "timestamp is no time"),
    ],
)
def test_a_faulty_row_is_quarantined_with_its_line_and_reason(tmp_path: Path, row: str, reason: str) -> None:
    content = GOOD + "\n  \n" + row + "\n" + lines([amazon("u2")])
    rows, tally, quarantine = read_reviews("amazon-2018", write(tmp_path / "r.json", content), tmp_path / "out")
    assert [row["user_id"] for row in rows] == ["u1", "u2"]
    assert [(row["source"], row["line"], row["reason"]) for row in quarantine] == [("r.json", 4, reason)]
    assert tally.read == 3


def test_a_missing_text_or_time_is_no_fault(tmp_path: Path) -> None:
    content = lines([amazon(reviewText=...), amazon("u2", reviewText="", unixReviewTime=...)])
    rows, _, quarantine = read_reviews("amazon-2018", write(tmp_path / "r.json", content), tmp_path / "out")
    assert [(row["text"], row["timestamp"] is None) for row in rows] == [(None, False), (None, True)]
    assert quarantine == []


def test_duplicates_are_collapsed_and_counted_apart_from_faults(tmp_path: Path) -> None:
    content = lines([amazon(), amazon(reviewText="other"), amazon(overall=4.0), amazon(), amazon("u2")])
    rows, tally, quarantine = read_reviews("amazon-2018", write(tmp_path / "r.json", content), tmp_path / "out")
    assert [(row["user_id"], row["text"], row["rating"]) for row in rows] == [
        ("u1", "other", 5.0),
        ("u2", "fine", 5.0),
        ("u1", "fine", 5.0),
    ]
    assert (tally.read, tally.kept, tally.duplicates, quarantine) == (5, 3, 2, [])


def test_a_mended_row_that_repeats_another_is_a_duplicate(tmp_path: Path) -> None:
    lone = lines([amazon(reviewText="#")]).replace("#", "\\ud800")
    content = lines([amazon("u2"), amazon(reviewText="?")]) + lone + lone
    rows, tally, _ = read_reviews("amazon-2018", write(tmp_path / "r.json", content), tmp_path / "out")
    assert [(row["user_id"], row["text"]) for row in rows] == [("u2", "fine"), ("u1", "?")]
    assert (tally.read, tally.mended, tally.duplicates) == (4, 2, 2)


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_duplicates_are_collapsed_in_every_container(tmp_path: Path, name: str) -> None:
    row = {"user_id": "a", "item_id": "b", "text": "c"}
    content = lines([row] * 3) if name.endswith("l") else "user_id,item_id,text\n" + "a,b,c\n" * 3
    rows, tally, _ = read_reviews("table", write(tmp_path / name, content), tmp_path / "out")
    assert (len(rows), tally.duplicates) == (1, 2)


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + lines([amazon(), amazon("u2")]).replace("\n", "\r\n").encode()
    rows, tally, quarantine = read_reviews("amazon-2018", write(tmp_path / "r.json", content), tmp_path / "out")
    assert sorted(row["user_id"] for row in rows) == ["u1", "u2"]
    assert (tally.mended, quarantine) == (1, [])
    csv = b"\xef\xbb\xbf" + b"user_id,item_id\r\na,b\r\nc,d\r\n"
    rows, _, quarantine = read_reviews("table", write(tmp_path / "r.csv", csv), tmp_path / "csv")
    assert [(row["user_id"], row["item_id"]) for row in rows] == [("a", "b"), ("c", "d")]
    assert quarantine == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"nul \\u0000 gone"', "nul  gone"),
        ('"lone \\ud800 surrogate"', "lone ? surrogate"),
        ('"e\\u0301t\\u00e9"', "été"),
        ('"\\ud83d\\ude00 \\u05e9\\u05dc\\u05d5\\u05dd \\u200b"', "😀 שלום \u200b"),
        ('"tab\tinside"', "tab\tinside"),
    ],
)
def test_text_is_normalised_once_and_survives_the_round_trip(tmp_path: Path, written: str, read: str) -> None:
    line = f'{{"reviewerID": "u", "asin": "i", "overall": 5, "unixReviewTime": 1400000000, "reviewText": {written}}}\n'
    rows, tally, _ = read_reviews("amazon-2018", write(tmp_path / "r.json", line), tmp_path / "out")
    assert [row["text"] for row in rows] == [read]
    assert tally.faults == []


def test_bytes_that_are_no_utf8_are_mended_in_json_and_quarantined_in_csv(tmp_path: Path) -> None:
    content = GOOD.encode() + lines([amazon("u2", reviewText="caf#")]).encode().replace(b"#", b"\xe9")
    rows, tally, _ = read_reviews("amazon-2018", write(tmp_path / "r.json", content), tmp_path / "out")
    assert [row["text"] for row in rows] == ["fine", "caf\ufffd"]
    assert tally.mended == 1
    csv = b"user_id,item_id,text\na,b,ok\nc,d,caf\xe9\ne,f,ok\n"
    assert quarantined(tmp_path, "table", csv, "r.csv") == [(3, "malformed line")]


def test_rows_of_a_csv_with_wrong_fields_are_quarantined(tmp_path: Path) -> None:
    content = 'user_id,item_id,rating\na,b,1\nc,d\n,e,2\nf,g,x\nh,"i\nj",3\nk,l,3,4\nm,n,inf\n'
    assert quarantined(tmp_path, "table", content, "r.csv") == [
        (3, "malformed line"),
        (4, "user_id is missing"),
        (5, "rating is not a number"),
        (7, "malformed line"),
        (8, "rating is out of range"),
    ]


def test_a_huge_text_is_cut_and_counted(tmp_path: Path) -> None:
    content = lines(
        [amazon(reviewText="é" * (MAX_TEXT_CHARACTERS + 5)), amazon("u2", reviewText="é" * MAX_TEXT_CHARACTERS)]
    )
    rows, tally, _ = read_reviews("amazon-2018", write(tmp_path / "r.json", content), tmp_path / "out")
    assert [len(row["text"]) for row in rows] == [MAX_TEXT_CHARACTERS] * 2
    assert tally.texts_cut == 1


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "r.json", b'{"reviewerID": "' + b"x" * 40_000_000)
    with pytest.raises(LmmrecError, match=r"r.json cannot be parsed"):
        read_reviews("amazon-2018", file, tmp_path / "out")


def test_too_many_faults_stop_the_run_with_counts_reason_line_and_remedy(tmp_path: Path) -> None:
    rows = [amazon(f"u{n}") for n in range(95)] + [amazon(f"v{n}", overall=9) for n in range(4)] + [amazon(user=None)]
    file = write(tmp_path / "r.json", lines(rows))
    with pytest.raises(LmmrecError) as caught:
        read_reviews("amazon-2018", file, tmp_path / "out", limit=0.01)
    assert str(caught.value) == (
        "r.json: 5 of 100 rows are faulty (5.0%; 1.0% are tolerated), most often 'rating is out of range' (4 rows, first in "
        "line 96): mend the file, check its format, or raise `quarantine_limit` of the catalogue entry."
    )
    assert list((tmp_path / "out").iterdir()) == []
    assert len(read_reviews("amazon-2018", file, tmp_path / "out", limit=0.05)[0]) == 95


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_without_rows_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(LmmrecError, match="has no rows"):
        read_reviews("amazon-2018", write(tmp_path / "r.json", content), tmp_path / "out")


def test_broken_compression_is_refused_and_names_the_file(tmp_path: Path) -> None:
    whole = gzip.compress(lines([amazon(f"u{n}") for n in range(5000)]).encode())
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    cases = {
        "cut.json.gz": (whole[: len(whole) // 2], "cut.json.gz is truncated"),
        "flipped.json.gz": (bytes(flipped), "flipped.json.gz cannot be read"),
        "plain.json.gz": (GOOD.encode(), "ends in .gz but is not gzipped"),
    }
    for name, (content, message) in cases.items():
        with pytest.raises(LmmrecError, match=message):
            read_reviews("amazon-2018", write(tmp_path / name, content), tmp_path / "out")


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    content = gzip.compress(GOOD.encode()) + gzip.compress(lines([amazon("u2")]).encode())
    rows, _, _ = read_reviews("amazon-2018", write(tmp_path / "r.json.gz", content), tmp_path / "out")
    assert [row["user_id"] for row in rows] == ["u1", "u2"]


def test_steam_lines_that_are_no_literal_are_quarantined(tmp_path: Path) -> None:
    content = (
        "{'username': 'a', 'product_id': '1', 'text': 'x'}\n\n{'username': 'b', \n{'username': 'c', 'product_id': ''}\n"
    )
    assert quarantined(tmp_path, "steam", content) == [(3, "malformed line"), (4, "item_id is empty")]


def test_items_are_quarantined_collapsed_and_mended_too(tmp_path: Path) -> None:
    content = (
        lines([{"asin": "A"}, {"asin": "A", "title": "T"}, {"title": "no id"}])
        + '{"asin": "B", "title": "x\\ud800"}\n{"asin"\n'
    )
    rows, tally = read_items("amazon-2018", write(tmp_path / "m.json", content), tmp_path / "out")
    assert [(row["item_id"], row["title"]) for row in rows] == [("A", "T"), ("B", "x?")]
    assert sorted((fault.line, fault.reason) for fault in tally.faults) == [
        (3, "item_id is missing"),
        (5, "malformed line"),
    ]
    assert (tally.read, tally.kept, tally.duplicates, tally.mended) == (5, 2, 1, 1)


def test_an_excerpt_of_a_bad_row_has_no_control_characters(tmp_path: Path) -> None:
    _, _, quarantine = read_reviews(
        "amazon-2018", write(tmp_path / "r.json", '{"reviewerID": \x1b[31m\n'), tmp_path / "out"
    )
    assert quarantine[0]["excerpt"] == '{"reviewerID":  [31m'


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["{}", "ab", "", "  ", "\t\r", "x \t"]), max_size=30),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_a_line_is_found_by_its_number_among_those_that_are_not_blank(
    tmp_path_factory: pytest.TempPathFactory, content: list[str], ends: bool, newline: str
) -> None:
    file = tmp_path_factory.mktemp("lines") / "f"
    file.write_bytes((newline.join(content) + newline * ends).encode())
    expected = [(number, text.strip()) for number, text in enumerate(content, start=1) if text.strip()]
    found = list(find_lines(file, range(1, len(expected) + 1)))
    assert [(row.line, row.json) for row in found] == expected
    assert [row.record for row in found] == list(range(1, len(expected) + 1))


@pytest.mark.parametrize("broken", [False, True])
def test_the_same_file_gives_the_same_bytes_whatever_the_threads(tmp_path: Path, broken: bool) -> None:
    rows = [amazon(f"u{n % 97}", f"i{n % 31}", reviewText=f"word {n % 3000} " * (n % 7)) for n in range(140_000)]
    content = (
        lines(rows)
        + ("{broken\n" + '{"reviewerID": "a", "asin": "b", "overall": 3, "reviewText": "\\udfff"}\n') * broken
    )
    file = write(tmp_path / "r.json", content)
    first = tmp_path / "out1"
    read_reviews("amazon-2018", file, first, threads=1)
    for threads in (2, 3, 5):
        again = tmp_path / f"out{threads}"
        read_reviews("amazon-2018", file, again, threads=threads)
        for name in ("reviews.parquet", "quarantine.parquet"):
            assert (again / name).read_bytes() == (first / name).read_bytes()
