"""Charts as SVG that takes its colours from the page's stylesheet: lines over a logarithmic axis, and bars with their spread."""
import html
import math


def text(x, y, words, anchor="start", kind="", size=None):
    style = f' class="{kind}"' if kind else ""
    size = f' font-size="{size}"' if size else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}{size}>{html.escape(words)}</text>'


def percent(share):
    return f"{share * 100:.0f} %" if share >= 0.0095 else f"{share * 100:.1g} %"


def panel(x0, y0, width, height, title, shares, lines, bottom=True, highest=1.0):
    """Miss ratios by size on a logarithmic axis. lines: (class, label or None, values)."""
    def x(i):
        low, high = math.log(shares[0]), math.log(shares[-1])
        return x0 + (math.log(shares[i]) - low) / (high - low) * width

    def y(value):
        return y0 + (1 - value / highest) * height
    out = [text(x0, y0 - 8, title, size=12)]
    for tick in (0, 0.25, 0.5, 0.75, 1.0):
        if tick <= highest + 1e-9:
            out.append(f'<path class="grid" d="M{x0} {y(tick):.1f}h{width}"/>')
            out.append(text(x0 - 6, y(tick) + 4, f"{tick:g}", "end", "quiet", 11))
    for i, share in enumerate(shares):
        if i == 0 or i % 2 == 1 and i > 1:
            out.append(f'<path class="grid" d="M{x(i):.1f} {y0 + height}v4"/>')
            if bottom:
                out.append(text(x(i), y0 + height + 17, percent(share), "middle", "quiet", 11))
    for kind, label, values in lines:
        points = " ".join(f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(values))
        name = f"<title>{html.escape(label)}</title>" if label else ""
        out.append(f'<polyline class="{kind}" points="{points}">{name}</polyline>')
    return "".join(out)


def legend(x, y, entries):
    """entries: (class of the line, class of the words, label), side by side."""
    out = []
    for kind, words, label in entries:
        out.append(f'<path class="{kind}" d="M{x} {y}h22"/>')
        out.append(text(x + 28, y + 4, label, kind=words))
        x += 44 + 6.6 * len(label)
    return "".join(out)


def bars(rows, unit, width=760, label_width=250):
    """rows: (label, is a peer, value, low, high). The longest ones are cut where they would make the others unreadable."""
    values = sorted(value for _, _, value, _, _ in rows)
    longest = values[-1]
    limit = longest if longest <= 4 * values[len(values) // 2] else 4 * values[len(values) // 2]
    scale = (width - label_width - 130) / limit
    height, out = 24, []
    for i, (label, is_peer, value, low, high) in enumerate(rows):
        y = 8 + i * height
        cut = value > limit
        length = min(value, limit) * scale
        out.append(text(label_width - 8, y + 13, label, "end", "quiet" if is_peer else ""))
        out.append(f'<rect class="bar{" peer" if is_peer else ""}" x="{label_width}" y="{y + 2}" width="{length:.1f}" height="14" rx="2"/>')
        end = label_width + length
        if cut:
            out.append(f'<path class="grid" d="M{end - 10:.1f} {y - 1}l4 20m3 -20l4 20"/>')
        elif high > low:
            left, right = label_width + low * scale, label_width + min(high, limit * 1.05) * scale
            out.append(f'<path class="spread" d="M{left:.1f} {y + 9}H{right:.1f}M{left:.1f} {y + 5}v8M{right:.1f} {y + 5}v8"/>')
            end = max(end, right)
        out.append(text(end + 8, y + 13, f"{value:.3g}{unit}"))
    total = 12 + len(rows) * height
    return picture(width, total, "".join(out), f"{len(rows)} bars")


def picture(width, height, content, title):
    return (f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" xmlns="http://www.w3.org/2000/svg">'
            f"<title>{html.escape(title)}</title>{content}</svg>")
