#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What peers.py has measured: peers_report.py DATA SET...

TSV on stdout, first a line for each set, library and ef: medians over the rounds; queries/s with the least and the most of them. Then
instruction counts, and the table of what must hold against hnswlib. A ratio is taken inside each round, and the median of the
rounds counts. Queries/s at a recall: straight lines between the measured points, logarithm of queries/s over logarithm of what recall
lacks to 1; where even the smallest ef finds more, that ef. Exit status 1 if something that must hold does not, or could not be said.
Plots go to DATA/peers/SET.png and growth.png."""
import json
import math
import os
import statistics
import sys

CLOCK = "cpu" if os.environ.get("BENCH_CLOCK") == "cpu" else "wall"
# set, recall, ours, theirs, must, aim: times theirs
SPEED = [
    ("fashion", .95, "cel", "hnswlib", 4, 5.2), ("fashion", .99, "cel", "hnswlib", 4, 7),
    ("words", .95, "cel", "hnswlib", 2.2, 3.1), ("words", .98, "cel", "hnswlib", 2.2, 3.1),
    ("fashion", .95, "cel-avx2", "hnswlib-avx2", 2.5, 3.5), ("fashion", .99, "cel-avx2", "hnswlib-avx2", 2.5, 3.5),
    ("words", .95, "cel-avx2", "hnswlib-avx2", 1.6, 2), ("words", .98, "cel-avx2", "hnswlib-avx2", 1.6, 2),
]
BUILD = [("fashion", .7, .5), ("words", .7, .5)]
SIZE = [("fashion", 2.5, 1.5), ("words", 3, 2)]
GROWTH_RECALL = .95
RECALL_SLACK = .002  # as much as the choice of some thousand queries makes


class Results:
    def __init__(self, data, name):
        path = os.path.join(data, "peers", "results", name + ".jsonl")
        self.all = []
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                self.all = [json.loads(line) for line in file]

    def of(self, kind, **keys):
        return [r for r in self.all if r["kind"] == kind and all(r[k] == v for k, v in keys.items())]

    def median(self, kind, field, **keys):
        values = [r[field] for r in self.of(kind, **keys)]
        return statistics.median(values) if values else None

    def libraries(self):
        return list(dict.fromkeys(r["library"] for r in self.of("ask")))

    def rounds(self):
        return sorted({r["round"] for r in self.of("ask")})

    def beams(self, library):
        return sorted({r["ef"] for r in self.of("ask", library=library)})

    def recall(self, library, ef):
        """Over all rounds: parts are of one size."""
        return statistics.mean(r["recall"] for r in self.of("ask", library=library, ef=ef))

    def rates(self, library, ef):
        """Queries a second by round."""
        return {r["round"]: r["n"] / r[CLOCK] for r in self.of("ask", library=library, ef=ef)}

    def rate_at(self, library, recall, turn):
        """None if no ef reaches it."""
        points = []
        for ef in self.beams(library):
            rates = self.rates(library, ef)
            if turn in rates:
                points.append((self.recall(library, ef), rates[turn]))
        points.sort()
        below = [p for p in points if p[0] < recall]
        above = [p for p in points if p[0] >= recall]
        if not above:
            return None
        if not below:
            return above[0][1]
        (r0, q0), (r1, q1) = below[-1], above[0]
        x = [math.log(max(1 - r, 1e-6)) for r in (r0, recall, r1)]
        return math.exp(math.log(q0) + (math.log(q1) - math.log(q0)) * (x[1] - x[0]) / (x[2] - x[0]))

    def median_rate_at(self, library, recall):
        rates = [self.rate_at(library, recall, turn) for turn in self.rounds()]
        return statistics.median(rates) if rates and None not in rates else None


def line(*fields):
    print("\t".join("" if f is None else "%.4g" % f if isinstance(f, float) else str(f) for f in fields))


def print_figures(sets):
    line("set", "library", "M", "ef_construction", "ef", "recall@10", "queries/s", "least", "most", "build_s", "build_cpu_s", "file_bytes",
         "build_peak_kib", "anon_kib", "file_kib")
    for name, results in sets.items():
        for library in results.libraries():
            built = library.replace("-avx2", "").replace("cel-query", "cel")
            build = [results.median("build", f, library=built) for f in ("wall", "cpu", "bytes", "peak_kib")]
            memory = [results.median("memory", f, library=library) for f in ("anon_kib", "file_kib")]
            for ef in results.beams(library):
                rates = list(results.rates(library, ef).values())
                line(name, library, 16, 200, ef, "%.4f" % results.recall(library, ef), round(statistics.median(rates)), round(min(rates)),
                     round(max(rates)), build[0], build[1], build[2] and int(build[2]), *(m and int(m) for m in (build[3], *memory)))
    print()
    line("set", "instructions of", "ef", "function", "own instructions a query", "calls a query")
    for name, results in sets.items():
        for r in results.of("instructions"):
            line(name, r["library"], r["ef"], r["function"], round(r["cost"]), float(r["calls"]))
    print()


class Table:
    def __init__(self):
        self.failed = 0
        line("what must hold", "figure", "least", "most", "must", "aim", "verdict")

    def row(self, what, values, must, aim, is_smaller_better=False):
        """values: of the rounds; none: it was not measured."""
        if not values or None in values:
            self.failed += 1
            line(what, "", "", "", must, aim, "NOT SAID")
            return
        figure = statistics.median(values)

        def holds(bound):
            return figure <= bound if is_smaller_better else figure >= bound
        verdict = "aim" if aim is not None and holds(aim) else "held" if holds(must) else "MISSED"
        self.failed += verdict == "MISSED"
        line(what, *("%.3g" % v for v in (figure, min(values), max(values))), must, aim, verdict)


def print_ratios(sets):
    table = Table()
    for name, recall, ours, theirs, must, aim in SPEED:
        if name in sets and theirs in sets[name].libraries():
            r = sets[name]
            pairs = [(r.rate_at(ours, recall, t), r.rate_at(theirs, recall, t)) for t in r.rounds()]
            table.row("%s: queries/s at recall %g, %s : %s" % (name, recall, ours, theirs),
                      [a / b if a and b else None for a, b in pairs], must, aim)
    for name, must, aim in BUILD:
        if name in sets:
            r = sets[name]
            ours, theirs = ([b[CLOCK] for b in r.of("build", library=library)] for library in ("cel", "hnswlib"))
            table.row(name + ": seconds of building, cel : hnswlib", [a / b for a, b in zip(ours, theirs)], must, aim, True)
            common = sorted(set(r.beams("cel")) & set(r.beams("hnswlib")))
            lack = [r.recall("cel", ef) - r.recall("hnswlib", ef) for ef in common]
            table.row(name + ": recall at equal ef, cel - hnswlib, the worst ef", [min(lack)] if lack else [], -RECALL_SLACK, None)
    for name, must, aim in SIZE:
        if name in sets:
            ours, theirs = (sets[name].median("build", "bytes", library=library) for library in ("cel", "hnswlib"))
            table.row(name + ": bytes of the index file, cel : hnswlib", [ours / theirs] if ours and theirs else [], must, aim, True)
    for name, r in sets.items():
        if name == "words":
            one, two = ([a["wall"] for a in r.of("threads", threads=n)] for n in (1, 2))
            table.row(name + ": queries/s, 2 threads : 1", [a / b for a, b in zip(one, two)], 1.8, None)
    growth = sorted((int(name.split("-")[1]), r) for name, r in sets.items() if name.startswith("growth-"))
    if len(growth) > 1:
        (small_n, small), (large_n, large) = growth[0], growth[-1]
        fall = {}
        for library in ("cel", "hnswlib"):
            a, b = (r.median_rate_at(library, GROWTH_RECALL) for r in (small, large))
            fall[library] = a / b if a and b else None
        table.row("growth %d to %d: queries/s at recall %g fall, cel : hnswlib" % (small_n, large_n, GROWTH_RECALL),
                  [fall["cel"] / fall["hnswlib"]] if None not in fall.values() else [], 1, None, True)
        if large_n == 1000000:
            table.row("one-shot process, one query, growth-1000000: milliseconds",
                      [x["milliseconds"] for x in large.of("one-shot")], 20, None, True)
            table.row("one-shot process, one query, growth-1000000: MiB of its own",
                      [x["anon_kib"] / 1024 for x in large.of("one-shot")], 32, None, True)
    return table.failed


def plot(data, sets):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    for name, results in sets.items():
        figure, axes = pyplot.subplots(figsize=(8, 6))
        for library in results.libraries():
            beams = results.beams(library)
            axes.plot([results.recall(library, ef) for ef in beams],
                      [statistics.median(results.rates(library, ef).values()) for ef in beams], marker="o", markersize=3,
                      linestyle="--" if "avx2" in library else "-", label=library, linewidth=2 if library == "cel" else 1)
        axes.set(xlabel="recall@10", ylabel="queries/s, one thread", yscale="log", title=name, xlim=(.8, 1))
        axes.grid(True, which="both", alpha=.3)
        axes.legend()
        figure.savefig(os.path.join(data, "peers", name + ".png"), dpi=110)
        pyplot.close(figure)
    growth = sorted((int(name.split("-")[1]), r) for name, r in sets.items() if name.startswith("growth-"))
    if len(growth) > 1:
        figure, axes = pyplot.subplots(1, 3, figsize=(14, 4))
        for library in ("cel", "hnswlib"):
            sizes = [n for n, _ in growth]
            values = [
                [r.median_rate_at(library, GROWTH_RECALL) for _, r in growth],
                [r.median("build", CLOCK, library=library) for _, r in growth],
                [r.median("build", "bytes", library=library) for _, r in growth]]
            for axis, v in zip(axes, values):
                axis.plot(sizes, [x if x is not None else math.nan for x in v], marker="o", label=library)
        for axis, title in zip(axes, ("queries/s at recall %g" % GROWTH_RECALL, "seconds of building, 2 threads", "bytes of the file")):
            axis.set(xscale="log", yscale="log", xlabel="vectors of 128", title=title)
            axis.grid(True, which="both", alpha=.3)
            axis.legend()
        figure.savefig(os.path.join(data, "peers", "growth.png"), dpi=110)
        pyplot.close(figure)


def control():
    """Made-up rounds in which ours is 4.5 times as fast, and 3.5 times: the table must tell them apart."""
    verdicts = []
    for times in (4.5, 3.5):
        results = Results("", "")
        for library, rate in (("cel", 1000 * times), ("hnswlib", 1000)):
            for turn in range(5):
                for ef, recall in ((10, .9), (20, .97), (40, .995)):
                    results.all.append({"kind": "ask", "library": library, "round": turn, "ef": ef, "threads": 1, "n": 100 + turn,
                                        CLOCK: (100 + turn) * ef / rate, "recall": recall})
        rates = [(results.rate_at("cel", .95, t), results.rate_at("hnswlib", .95, t)) for t in results.rounds()]
        verdicts.append(statistics.median(a / b for a, b in rates) >= 4)
        assert results.rate_at("cel", .999, 0) is None and 1000 * times / 20 < results.rate_at("cel", .95, 0) < 1000 * times / 10
    assert verdicts == [True, False], "the table of ratios cannot tell what holds from what does not"


def main():
    control()
    data = sys.argv[1]
    sets = {name: Results(data, name) for name in sys.argv[2:]}
    print_figures(sets)
    failed = print_ratios(sets)
    plot(data, sets)
    if failed:
        print("%d of what must hold: missed" % failed, file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
