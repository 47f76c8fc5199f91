"""The rows of the paper's tables by name: who is compared with whom, in which order they stand."""

from __future__ import annotations

TARGET = "lmmrec"
"""The method that the others are there for."""
RIVALS = ("uist", "once", "autograph", "rlmrec-con")
"""The rows of the paper's Table I between base and LMMRec, and the closest published relative."""
STRONG = ("ease", "gfcf")
"""Closed forms that stand in every table, with and without texts."""
ABLATIONS = ("without-mcs", "without-icm", "without-gcn", "without-tm")
"""The rows of Table II: the variants of LMMRec that lack one part of it."""
TABLES = {"table-1": "table_1", "table-2": "table_2", "figure-2": "figure_2"}
"""Name of an experiment -> the asset that holds what is read off it."""
