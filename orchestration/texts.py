"""Whether a dataset has any text to write motivations from; decides which methods make sense without being asked.

Looks at the asset `reviews` and nothing else.
"""

from __future__ import annotations

from assets.lake import Address, Lake


def has_texts(lake: Lake, dataset: str) -> bool | None:
    """True where at least one review or ready-made profile carries text; None where `reviews` has not been read yet."""
    address = Address("reviews", dataset)
    if lake.record(address) is None:
        return None
    from assets.tables import connect, literal

    folder = lake.path(address)
    connection = connect(threads=1)
    try:
        for name in ("texts.parquet", "reviews.parquet"):
            if not (folder / name).exists():
                continue
            query = f"SELECT 1 FROM read_parquet({literal(folder / name)}) WHERE length(trim(text)) > 0 LIMIT 1"
            if connection.execute(query).fetchone():
                return True
    finally:
        connection.close()
    return False
