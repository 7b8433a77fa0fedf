"""The maintainers' side of an index: what is signed, by whom, and how a folder of signed files changes.

Keys, the clock and the person who decides come from the caller. `authority` says who may sign what, `folder`
reads an index and believes nothing unsigned, `draft` builds what maintainers sign, `proposal` is how their
signatures travel, `change` writes, `audit` looks at everything as a stranger would.
"""
