"""Write the documentation that follows from the program, and build the site from it.

python3 dev.py docs            write docs/reference/, then build site/
python3 dev.py docs --serve    the same, then serve it at http://127.0.0.1:8000/
python3 dev.py docs --man      write docs/reference/, then build/man/
"""

import sys

from docgen import html, man, reference


def main(arguments: list[str]) -> int:
    """Run one of the commands above; return its exit status."""
    if unknown := [argument for argument in arguments if argument not in ("--serve", "--man")]:
        print(f"unknown argument {unknown[0]}\n{__doc__}", file=sys.stderr)
        return 2
    for name in reference.write():
        print(f"wrote {name}")
    if "--man" in arguments:
        folder = reference.ROOT / "build" / "man"
        print(f"wrote {man.write(folder)} pages to {folder}")
        return 0
    if status := html.build():
        return status
    print(f"built {html.SITE}")
    if "--serve" in arguments:
        html.serve()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
