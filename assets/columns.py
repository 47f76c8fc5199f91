"""The name of every table column, once.

`*_id` is the publisher's own id (text), `*_idx` our position in the catalogue of users or items (int64, 0-based, dense).
"""

USER_ID = "user_id"
ITEM_ID = "item_id"
USER_IDX = "user_idx"
ITEM_IDX = "item_idx"
RATING = "rating"
TEXT = "text"
TIMESTAMP = "timestamp"
TITLE = "title"
DESCRIPTION = "description"
CATEGORIES = "categories"
ENTITY_IDX = "entity_idx"
ENTITY_ID = "entity_id"

PARTS = ("train", "validation", "test")
ENTITIES = ("user", "item")
