"""Linear models whose fit is a formula: EASE, GF-CF, and item texts on top of either.

NumPy and SciPy only. What an anchor (`models.anchors`) and a base model (`models.bases`) do with a formula is theirs; so is
choosing settings. Every formula here has a slow twin in tests/reference/closed_form.py.
"""
