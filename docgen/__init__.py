"""The documentation that follows from the program: reference pages, man pages and the site.

It is not part of the wheel. `python3 dev.py docs` runs it.
"""
