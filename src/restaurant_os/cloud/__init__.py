"""The cloud functions: one call in, one JSON document out. `main.py` at the repository's root names them to the platform.

Nothing is imported here, so that a new instance of a function pays for its parts only when it is first called.
"""
