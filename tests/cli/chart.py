#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads points off a chart as one does with a ruler, by its ticks, and compares them with the figures.

    chart.py PICTURE TSV     TSV: of cel stat --plot. PICTURE: .svg, or .html with one in it
"""
import math
import re
import sys
import xml.etree.ElementTree as ElementTree

SVG = "{http://www.w3.org/2000/svg}"


def fit(marks):
    """value = a + b * place, of the two outermost ticks; the others must agree."""
    (p0, v0), (p1, v1) = min(marks), max(marks)
    b = (v1 - v0) / (p1 - p0)
    for place, value in marks:
        assert abs(v0 + b * (place - p0) - value) < 0.01 * abs(v1 - v0), "ticks do not agree"
    return lambda place: v0 + b * (place - p0)


with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
assert "<script" not in text and "http" not in text.replace("http://www.w3.org/2000/svg", "")
if sys.argv[1].endswith(".html"):
    text = re.search(r"<svg.*</svg>", text, re.S)[0]
root = ElementTree.fromstring(text)
assert root.tag == SVG + "svg" and root.find(SVG + "title").text
assert "prefers-color-scheme: dark" in root.find(SVG + "style").text
width, height = map(float, root.get("viewBox").split()[2:])
ticks = {"x": [], "y": []}
for item in root.iter(SVG + "text"):
    x, y = float(item.get("x")), float(item.get("y"))
    assert -width < x < width and -height < y < height
    if item.get("class") == "x":
        ticks["x"].append((x, float(item.text)))
    if item.get("class") == "y":
        ticks["y"].append((y, math.log10(float(item.text))))
assert len(ticks["x"]) > 1 and len(ticks["y"]) > 1, ticks
to_x, to_y = fit(ticks["x"]), fit(ticks["y"])
with open(sys.argv[2], encoding="utf-8") as file:
    rows = [line.split("\t") for line in file]
points = [row for row in rows if row[0] != "exact"]
circles = list(root.iter(SVG + "circle"))
assert len(circles) == len(points) > 0
for circle, row in zip(circles, points):
    cx, cy = float(circle.get("cx")), float(circle.get("cy"))
    assert circle.find(SVG + "title").text.startswith("ef %s:" % row[0])
    assert abs(to_x(cx) - float(row[1])) < 0.01 * (ticks["x"][-1][1] - ticks["x"][0][1]) + 1e-4, (to_x(cx), row)
    assert abs(to_y(cy + 4) - math.log10(float(row[2]))) < 0.03, (10 ** to_y(cy), row)
exact = next(float(row[2]) for row in rows if row[0] == "exact")
level = next(p for p in root.iter(SVG + "path") if p.get("class") == "level")
place = float(re.match(r"M[\d.]+ ([\d.]+)H", level.get("d"))[1])
assert abs(to_y(place + 4) - math.log10(exact)) < 0.03
print(len(points))
