"""Write the reference pages: ``python -m tools.reference DIRECTORY``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tools.reference.contents import pages


def main(directory: Path) -> None:
    """Write all pages to the directory, which holds nothing else afterwards."""
    texts = pages()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
