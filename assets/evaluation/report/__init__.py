"""The report, one self-contained page: `page` gathers and renders, the others make its parts.

`tables` turns numbers into text once for page and CSV, `statements` into sentences, `pictures` into drawings with the help
of `svg`; `samples` reads what is shown beside numbers. Statistics are made outside, in `leaderboard` and `slices`.
"""

from assets.evaluation.report.page import PAGE, write_report

__all__ = ["PAGE", "write_report"]
