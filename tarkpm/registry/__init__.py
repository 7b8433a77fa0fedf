"""The maintainers' side of an index: who signs what, and how a folder of signed files changes.

The caller provides keys, the time and decisions. `authority` says who may sign what, `folder` reads an index
and trusts nothing unsigned, `draft` builds the metadata that maintainers sign, `proposal` carries their
signatures, `review` shows the effect, `change` writes the files, `audit` checks everything.
"""
