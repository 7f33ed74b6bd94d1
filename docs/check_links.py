"""Check that the built site has no dead link, and needs no other site to be shown.

Usage: ``python docs/check_links.py docs/_build/html``, after the build.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: The elements whose address a browser fetches in order to show the page.
FETCHED = {"script", "img", "link", "iframe", "source", "video", "audio"}


class Page(HTMLParser):
    """The addresses of a page, and the anchors that others may point to."""

    def __init__(self, path):
        super().__init__()
        self.addresses, self.anchors = [], {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Collect what an element points to, and what it is called."""
        attrs = dict(attrs)
        self.anchors.update(attrs[key] for key in ("id", "name") if attrs.get(key))
        self.addresses += [
            (tag, attrs[key]) for key in ("href", "src") if attrs.get(key) is not None
        ]


def find_faults(root):
    """Yield a line for each dead link and for each thing fetched from elsewhere."""
    paths = [path for path in sorted(root.rglob("*.html")) if "_static" not in path.parts]
    pages = {path: Page(path) for path in paths}
    for path, page in pages.items():
        for tag, address in page.addresses:
            parts = urlsplit(address)
            if parts.scheme in ("http", "https") or parts.netloc:
                fault = "fetched from elsewhere" if tag in FETCHED else None
            elif parts.scheme:  # data:, mailto:
                fault = None
            else:
                fault = missing(root, path, pages, parts)
            if fault:
                yield f"{path.relative_to(root)}: {address}: {fault}"


def missing(root, path, pages, parts):
    """Return what is wrong with an address within the site, or None."""
    target = path
    if parts.path:
        base = root if parts.path.startswith("/") else path.parent
        target = (base / unquote(parts.path).lstrip("/")).resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return "no such file"
    if target in pages and unquote(parts.fragment) not in pages[target].anchors:
        return "no such anchor"
    return None


if __name__ == "__main__":
    faults = list(find_faults(Path(sys.argv[1]).resolve()))
    print("\n".join(faults) or "every link leads somewhere")
    sys.exit(bool(faults))
