#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a page of cel-query --grid as a browser does, and refuses what a page must not have.

    page.py PAGE           prints: query (its id, or row), rank, id, distance, image (or -), between tabs; rank 0 is the query.
                           Images: the file that the address leads to, or its address if it is of a host, or "data TYPE SHA256"
"""
import base64
import hashlib
import html.parser
import os
import sys
import urllib.parse

VOID = {"meta", "img", "br"}
ALLOWED = {"html", "head", "meta", "title", "style", "body", "header", "h1", "p", "br", "main", "section", "figure", "img", "figcaption",
           "span", "ol", "li", "details", "summary", "pre", "footer"}
ATTRIBUTES = {"lang", "charset", "name", "content", "http-equiv", "class", "title", "loading", "decoding", "src", "alt"}


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.path, self.stack, self.rows, self.policy = path, [], [], None
        self.query, self.row, self.text = None, None, None

    def image(self, address):
        parts = urllib.parse.urlsplit(address)
        if parts.scheme == "data":
            head, _, body = address.partition(",")
            return "data %s %s" % (head[5:].partition(";")[0], hashlib.sha256(base64.b64decode(body, validate=True)).hexdigest())
        if parts.scheme in ("http", "https"):
            return address
        assert not parts.scheme and not parts.netloc and not parts.query and not parts.fragment, address
        return os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(self.path)), urllib.parse.unquote(parts.path)))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        assert tag in ALLOWED, "an element <%s>" % tag
        assert not set(attrs) - ATTRIBUTES, "attributes %s" % sorted(set(attrs) - ATTRIBUTES)
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy":
            self.policy = attrs["content"]
        if tag == "section":
            self.query, self.row = None, {"rank": "0", "id": None, "distance": "-", "image": "-"}
        if tag == "li":
            self.row = {"id": None, "image": "-"}
        if tag == "img":
            self.row["image"] = self.image(attrs["src"])
            assert attrs["loading"] == "lazy" and "alt" in attrs
        if tag == "span":
            self.text = attrs["class"], ""
            if attrs["class"] == "id":
                self.row["id"] = attrs["title"]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag, "</%s> out of place" % tag
        if tag == "span":
            kind, text = self.text
            if kind == "id":
                assert text == self.row["id"], "title and text differ"
            elif kind == "rank" and text.startswith("query "):
                self.query = text[6:]
            else:
                self.row[kind] = text
            self.text = None
        if tag == "figure":
            if self.row.get("rank") == "0" and self.row["id"] is not None:
                self.query = self.row["id"]
            self.rows.append([self.query] + [str(self.row[k]) for k in ("rank", "id", "distance", "image")])

    def handle_data(self, data):
        if self.text is not None:
            self.text = self.text[0], self.text[1] + data


with open(sys.argv[1], encoding="utf-8") as file:
    page = Page(sys.argv[1])
    page.feed(file.read())
    page.close()
assert not page.stack, page.stack
assert page.policy and "default-src 'none'" in page.policy and "script" not in page.policy
for row in page.rows:
    print("\t".join(row))
