#!/usr/bin/python3
"""Render the guides of the documentation into static pages.

    guides.py openapi/guides build/docs

Each SOURCE/<nn>-<name>.md (the number only orders them) becomes
TARGET/<name>.html, served as /docs/<name>; a name that ends in ".en" is in
English. An index is written as guides.html, style.css is copied, and
redoc.standalone.js, which draws /docs, is fetched by npm at the version
and digest that SOURCE/package-lock.json pins, into TARGET/../npm, once.
REDOC=none in the environment builds without it: /docs then only leads to
/openapi.json.

The first heading of a guide is its title. A link to another guide is
written as to its file (02-jetons.md#portees); it leads to the page.
Needs python3-markdown, and npm for the bundle.
"""
import hashlib
import html
import os
import pathlib
import re
import shutil
import subprocess
import sys

import markdown

NAV = [
    ("/docs", "Référence"),
    ("/docs/guides", "Guides"),
    ("/docs/problems", "Erreurs"),
    ("/openapi.json", "OpenAPI"),
]

PAGE = """<!DOCTYPE html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/style.css">
<link rel="icon" href="data:,">
<title>{title}</title>
</head>
<body>
<nav>
{nav}
</nav>
<main>
{body}
</main>
</body>
</html>
"""

GUIDE_LINK = re.compile(r'href="(?:\./)?([\w.-]+)\.md(#[^"]*)?"')


def page_name(stem):
    """01-demarrer is the page demarrer."""
    return re.sub(r"^\d+-", "", stem)


def page(title, body, lang="fr"):
    nav = "\n".join(f'<a href="{path}">{words}</a>' for path, words in NAV)
    return PAGE.format(lang=lang, title=html.escape(title), nav=nav, body=body)


def render(text):
    body = markdown.markdown(
        text, extensions=["fenced_code", "tables", "toc", "sane_lists"]
    )
    return GUIDE_LINK.sub(
        lambda m: f'href="/docs/{page_name(m[1])}{m[2] or ""}"', body
    )


def title_of(text, name):
    found = re.search(r"^#\s+(.+?)\s*$", text, re.MULTILINE)
    return found[1] if found else name


def write_guides(source, target):
    """Write every guide; returns (name, title, lang) in order."""
    written = []
    for path in sorted(source.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        name = page_name(path.stem)
        if name in ("guides", "problems"):
            sys.exit(f"{path}: /docs/{name} is another page")
        lang = "en" if name.endswith(".en") else "fr"
        title = title_of(text, name)
        (target / f"{name}.html").write_text(
            page(title, render(text), lang), encoding="utf-8"
        )
        written.append((name, title, lang))
    return written


def write_index(guides, target):
    items = "\n".join(
        f'<li lang="{lang}"><a href="/docs/{name}">{html.escape(title)}</a></li>'
        for name, title, lang in guides
    )
    (target / "guides.html").write_text(
        page("Guides", f"<h1>Guides</h1>\n<ul>\n{items}\n</ul>"),
        encoding="utf-8",
    )


def fetch_redoc(source, npm):
    """The bundle, installed again only when the lock changes."""
    bundle = npm / "node_modules/redoc/bundles/redoc.standalone.js"
    lock = (source / "package-lock.json").read_bytes()
    digest = hashlib.sha256(lock).hexdigest()
    mark = npm / "installed"
    if bundle.exists() and mark.exists() and mark.read_text() == digest:
        return bundle
    npm.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, npm / name)
    command = ["npm", "ci", "--ignore-scripts", "--omit=peer", "--no-audit",
               "--no-fund", "--loglevel=error"]
    try:
        subprocess.run(command, cwd=npm, check=True, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"redoc: {error}\nREDOC=none builds without it")
    mark.write_text(digest)
    return bundle


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = map(pathlib.Path, sys.argv[1:])
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("*.html"):
        old.unlink()
    write_index(write_guides(source, target), target)
    shutil.copy(source / "style.css", target / "style.css")
    if os.environ.get("REDOC") != "none":
        shutil.copy(fetch_redoc(source, target.parent / "npm"), target)


if __name__ == "__main__":
    main()
