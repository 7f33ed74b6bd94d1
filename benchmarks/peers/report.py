"""What rows become: Markdown, a page, a file of JSON and a chart."""

import json
from pathlib import Path

import numpy as np
from libraries import PEERS
from timing import OURS, Row

BEGIN, END = "<!-- Begin of what benchmarks/peers writes. -->", "<!-- End of it. -->"


def number(value):
    """Write two digits, or as many as there are before the point."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.2g}" if value else "0"


def with_spread(values):
    """Write the median of values, and their quartiles where there are some."""
    low, middle, high = map(number, np.quantile(values, (0.25, 0.5, 0.75)))
    return middle if len(values) == 1 else f"{middle} ({low}-{high})"


def milliseconds(values):
    """Write a median in milliseconds."""
    value = 1000 * np.median(values)
    return f"{value:.0f}" if value >= 99.5 else f"{value:.3g}"


def ratios(row, peer):
    """Return how many times as long the peer takes, by round."""
    return np.divide(row.values[peer], row.values[OURS])


def peers_of(rows):
    """Return the names beside ours, those of packages first."""
    names = dict.fromkeys(name for row in rows for name in row.values if name != OURS)
    return sorted(names, key=lambda name: [*PEERS, name].index(name))


def table(section, rows):
    """Return a section of the page."""
    peers, columns = peers_of(rows), list(rows[0].what)
    others = dict.fromkeys(name for row in rows for name in row.others)
    header = [*columns, OURS if section.unit else "our ms", *peers, *others]
    lines = [header, ["---"] * len(header)]
    for row in rows:
        cells = [row.what[column] for column in columns]
        if section.unit:
            shown = {name: with_spread(values) for name, values in row.values.items()}
        else:
            shown = {peer: with_spread(ratios(row, peer)) for peer in row.values}
            shown[OURS] = milliseconds(row.values[OURS])
        cells += [shown.get(name, "-") for name in (OURS, *peers)]
        lines.append(cells + [row.others.get(name, "-") for name in others])
    body = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"## {section.title}\n\n{section.note}\n\n{body}\n"


def write_page(path, text):
    """Replace what is between the two marks of a page."""
    page = Path(path).read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or END not in rest:
        raise ValueError(f"{path} has no lines {BEGIN!r} and {END!r}.")
    Path(path).write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def save(path, about, rows):
    """Write rows as JSON."""
    content = {"about": about, "rows": [row._asdict() for row in rows]}
    Path(path).write_text(json.dumps(content, indent=1))


def load(path):
    """Read what `save` wrote; return the text about it, and the rows."""
    content = json.loads(Path(path).read_text())
    return content["about"], [Row(**row) for row in content["rows"]]


def lanes(sections, rows):
    """Return rows that are compared by time, by the lane of the chart they belong to."""
    found = {}
    for row in rows:
        section = sections[row.section]
        if section.unit is None:
            name = section.title
            if section.split:
                name = f"{name}: {row.what[section.split]}"
            found.setdefault(name, []).append(row)
    return found


def chart(path, sections, rows):
    """Draw a dot for each ratio of each row, on a logarithmic axis."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    found = lanes(sections, rows)
    peers = peers_of([row for lane in found.values() for row in lane])
    figure, ax = plt.subplots(figsize=(9, 0.5 + 0.42 * len(found)), layout="constrained")
    for i, peer in enumerate(peers):
        points = [
            (np.median(ratios(row, peer)), y)
            for y, lane in enumerate(found.values())
            for row in lane
            if peer in row.values
        ]
        x, y = np.transpose(points)
        shift = 0.8 * ((i + 0.5) / len(peers) - 0.5)
        ax.plot(x, y + shift, ".", label=peer, color=f"C{i}", alpha=0.8)
    ax.axvline(1, color="black")
    for y in range(1, len(found)):
        ax.axhline(y - 0.5, color="0.9", linewidth=0.8)
    ax.set(
        xscale="log",
        xlabel="times as fast as the peer (each dot is a row of a table)",
        yticks=range(len(found)),
        yticklabels=found,
        ylim=(len(found) - 0.5, -0.5),
    )
    ax.xaxis.set_major_formatter("{x:g}")
    ax.grid(axis="x", color="0.9")
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)
