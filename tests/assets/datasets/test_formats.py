"""Every raw format gives the same columns, plain or gzipped, from files as their publishers write them."""

from datetime import datetime
from pathlib import Path

import pytest

from assets.tables import connect
from models.errors import LmmrecError
from tests.assets.datasets.raw import amazon, lines, read_items, read_reviews, write

pytestmark = pytest.mark.unit

MAY_2014 = datetime(2014, 5, 13, 16, 53, 20)


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("release", ["amazon-2014", "amazon-2018"])
def test_amazon_reviews(tmp_path: Path, release: str, gzipped: bool) -> None:
    file = write(tmp_path / "r.json", lines([amazon(), amazon("u2", reviewText=...)]), gzipped=gzipped)
    rows, tally, _ = read_reviews(release, file, tmp_path / "out")
    assert rows == [
        {"user_id": "u1", "item_id": "i1", "rating": 5.0, "text": "fine", "timestamp": MAY_2014},
        {"user_id": "u2", "item_id": "i1", "rating": 5.0, "text": None, "timestamp": MAY_2014},
    ]
    assert tally.kept == 2


def test_amazon_2023_reviews_are_timed_in_milliseconds(tmp_path: Path) -> None:
    row = {"user_id": "u", "parent_asin": "p", "asin": "v", "rating": 4, "text": "ok", "timestamp": 1_400_000_000_000}
    rows, _, _ = read_reviews("amazon-2023", write(tmp_path / "r.jsonl", lines([row])), tmp_path / "out")
    assert rows == [{"user_id": "u", "item_id": "p", "rating": 4.0, "text": "ok", "timestamp": MAY_2014}]


def test_amazon_2014_items_are_python_literals(tmp_path: Path) -> None:
    text = "{'asin': 'A', 'title': u'It\\'s', 'description': 'Long.', 'categories': [['Books', 'Art'], ['Books', 'Old']]}\n"
    rows, _ = read_items("amazon-2014", write(tmp_path / "m.json", text), tmp_path / "out")
    assert rows == [{"item_id": "A", "title": "It's", "description": "Long.", "categories": ["Books", "Art", "Old"]}]


def test_amazon_2018_and_2023_items_take_descriptions_as_text_or_list(tmp_path: Path) -> None:
    old = [
        {"asin": "A", "title": "T", "description": ["one", "two"], "category": ["x", "", "x"]},
        {"asin": "B", "description": "d"},
    ]
    rows, _ = read_items("amazon-2018", write(tmp_path / "m.json", lines(old)), tmp_path / "out")
    assert rows == [
        {"item_id": "A", "title": "T", "description": "one two", "categories": ["x"]},
        {"item_id": "B", "title": None, "description": "d", "categories": None},
    ]
    new = [{"parent_asin": "P", "title": "T", "description": [], "categories": ["a", "b"]}]
    rows, _ = read_items("amazon-2023", write(tmp_path / "n.json", lines(new)), tmp_path / "out23")
    assert rows == [{"item_id": "P", "title": "T", "description": None, "categories": ["a", "b"]}]


def test_yelp(tmp_path: Path) -> None:
    review = {
        "review_id": "r",
        "user_id": "u",
        "business_id": "b",
        "stars": 3.0,
        "text": "so\nso",
        "date": "2018-07-07 22:09:11",
    }
    rows, _, _ = read_reviews("yelp", write(tmp_path / "r.json", lines([review])), tmp_path / "out")
    assert rows == [
        {"user_id": "u", "item_id": "b", "rating": 3.0, "text": "so\nso", "timestamp": datetime(2018, 7, 7, 22, 9, 11)}
    ]
    business = {"business_id": "b", "name": "Shop", "city": "Affton", "state": "MO", "categories": "Mail, Print"}
    items, _ = read_items("yelp", write(tmp_path / "b.json", lines([business])), tmp_path / "items")
    assert items == [{"item_id": "b", "title": "Shop", "description": "Affton, MO", "categories": ["Mail", "Print"]}]


def test_steam_reviews_in_their_three_shapes(tmp_path: Path) -> None:
    content = (
        "{u'username': u'Ann', u'product_id': u'10', u'text': u'gut', u'date': u'2017-12-17', u'hours': 3.5}\n"
        "{'user_id': 'bob', 'reviews': [{'item_id': '20', 'review': 'hm', 'posted': 'Posted November 5, 2011.'},"
        " {'item_id': '30', 'review': 'ok', 'posted': 'Posted July 8.'}]}\n"
        '{"profile_url": "http://steamcommunity.com/profiles/77", "orig_url": "http://x/app/40/y", "review": "r",'
        ' "date_posted": "Dec 24, 2014, 11:33AM"}\n'
    )
    rows, _, _ = read_reviews("steam", write(tmp_path / "s.json", content, gzipped=True), tmp_path / "out")
    assert [tuple(row.values()) for row in rows] == [
        ("Ann", "10", None, "gut", datetime(2017, 12, 17)),
        ("bob", "20", None, "hm", datetime(2011, 11, 5)),
        ("bob", "30", None, "ok", None),
        ("77", "40", None, "r", datetime(2014, 12, 24, 11, 33)),
    ]


def test_steam_games(tmp_path: Path) -> None:
    game = (
        "{u'id': u'10', u'app_name': u'Iron', u'genres': [u'RPG'], u'tags': [u'Card', u'RPG'], u'developer': u'Fun'}\n"
    )
    rows, _ = read_items("steam", write(tmp_path / "g.json", game), tmp_path / "out")
    assert rows == [{"item_id": "10", "title": "Iron", "description": "by Fun", "categories": ["RPG", "Card"]}]


def test_a_python_literal_is_never_evaluated(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    line = f"{{'username': __import__('pathlib').Path({str(trap)!r}).touch(), 'product_id': '1'}}\n"
    _, tally, _ = read_reviews("steam", write(tmp_path / "s.json", line), tmp_path / "out")
    assert [fault.reason for fault in tally.faults] == ["malformed line"]
    assert not trap.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ratings.csv", "userId,movieId,rating,timestamp\n1,31,2.5,1400000000\n"),
        ("ratings.dat", "1::31::2.5::1400000000\n"),
    ],
)
def test_movielens_ratings_old_and_new(tmp_path: Path, name: str, content: str) -> None:
    rows, _, _ = read_reviews("movielens", write(tmp_path / name, content), tmp_path / "out")
    assert rows == [{"user_id": "1", "item_id": "31", "rating": 2.5, "text": None, "timestamp": MAY_2014}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("movies.csv", 'movieId,title,genres\n1,"Amour, L\'été (1995)",Drama|War\n2,X,(no genres listed)\n'.encode()),
        ("movies.dat", "1::Amour, L'été (1995)::Drama|War\n2::X::(no genres listed)\n".encode("latin-1")),
    ],
)
def test_movielens_titles_old_and_new(tmp_path: Path, name: str, content: bytes) -> None:
    rows, _ = read_items("movielens", write(tmp_path / name, content), tmp_path / "out")
    assert [tuple(row.values()) for row in rows] == [
        ("1", "Amour, L'été (1995)", None, ["Drama", "War"]),
        ("2", "X", None, None),
    ]


MAPPING = {"user_id": "customer", "item_id": "sku", "rating": "stars", "text": "body", "timestamp": "ts"}
ROW = {"customer": "ann", "sku": "7", "stars": 4, "body": "a, b", "ts": "2014-05-13T16:53:20Z"}
EXPECTED = [{"user_id": "ann", "item_id": "7", "rating": 4.0, "text": "a, b", "timestamp": MAY_2014}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.csv", 'customer,sku,stars,body,ts,more\nann,7,4,"a, b",2014-05-13T16:53:20Z,x\n'),
        ("r.csv", "customer;sku;stars;body;ts\nann;7;4;a, b;2014-05-13 18:53:20+02:00\n"),
        ("r.tsv", "customer\tsku\tstars\tbody\tts\nann\t7\t4\ta, b\t1400000000000\n"),
        ("r.jsonl", lines([ROW])),
        ("r.jsonl", lines([ROW | {"sku": 7, "ts": 1_400_000_000}])),
    ],
)
@pytest.mark.parametrize("gzipped", [False, True])
def test_a_table_of_your_own(tmp_path: Path, name: str, content: str, gzipped: bool) -> None:
    file = write(tmp_path / (name + ".gz" * gzipped), content, gzipped=gzipped)
    assert read_reviews("table", file, tmp_path / "out", columns=MAPPING)[0] == EXPECTED


def test_a_parquet_table_of_your_own(tmp_path: Path) -> None:
    file = tmp_path / "r.parquet"
    with connect() as connection:
        connection.execute(
            f"""COPY (SELECT 'ann' AS customer, 7 AS sku, 4::TINYINT AS stars, 'a, b' AS body,
            TIMESTAMPTZ '2014-05-13 18:53:20+02' AS ts) TO '{file}'"""
        )
    assert read_reviews("table", file, tmp_path / "out", columns=MAPPING)[0] == EXPECTED


def test_optional_columns_of_a_table_may_be_absent(tmp_path: Path) -> None:
    file = write(tmp_path / "r.csv", "user_id,item_id\na,b\n")
    rows, _, _ = read_reviews("table", file, tmp_path / "out")
    assert rows == [{"user_id": "a", "item_id": "b", "rating": None, "text": None, "timestamp": None}]


def test_a_table_of_items(tmp_path: Path) -> None:
    file = write(tmp_path / "i.csv", "sku,name,categories\n7,Lamp,Home| Light\n")
    rows, _ = read_items("table", file, tmp_path / "out", columns={"item_id": "sku", "title": "name"})
    assert rows == [{"item_id": "7", "title": "Lamp", "description": None, "categories": ["Home", "Light"]}]


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        (
            "r.csv",
            "customer,sku\na,b\n",
            {"user_id": "client"},
            "r.csv has no column 'client' for user_id: it has customer, sku",
        ),
        ("r.csv", "a,a\n1,2\n", {}, "names the column 'a' twice"),
        ("r.csv", "", {}, "r.csv is empty"),
        ("r.csv", "user_id,item_id\n", {}, "r.csv has no rows"),
        ("r.csv", "user_id,item_id\n", {"colour": "c"}, "there is no column 'colour' to map"),
        ("r.xlsx", "PK", {}, "not '.xlsx'"),
        ("r.jsonl", '{"user_id": "a"}\n', {}, "r.jsonl has no column 'item_id'"),
        ("r.parquet", "no parquet", {}, "r.parquet cannot be parsed"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: str, columns: dict[str, str], message: str
) -> None:
    file = write(tmp_path / name, content)
    with pytest.raises(LmmrecError) as caught:
        read_reviews("table", file, tmp_path / "out", columns=columns)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
