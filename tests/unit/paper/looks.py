"""What makes a figure readable in print: sizes of its texts, and whether any two of them lie on each other."""

from itertools import combinations

from matplotlib.text import Text


def texts(figure):
    """All texts that are drawn, legends and axes' labels among them."""
    figure.canvas.draw()
    found = figure.findobj(Text)
    return [t for t in found if t.get_visible() and t.get_text().strip() and _is_shown(t)]


def _is_shown(text):
    axes = text.axes
    return axes is None or (axes.get_visible() and (axes.axison or text in axes.texts or text in axes.legends))


def smallest(figure):
    """Points of the smallest text."""
    return min(t.get_fontsize() for t in texts(figure))


def overlaps(figure):
    """Pairs of texts whose boxes share more than a pixel."""
    renderer = figure.canvas.get_renderer()
    # Of an annotation the text alone: its line may pass others.
    boxes = [(t.get_text(), Text.get_window_extent(t, renderer)) for t in texts(figure)]
    return [
        (a, b)
        for (a, one), (b, other) in combinations(boxes, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 1 and min(one.y1, other.y1) - max(one.y0, other.y0) > 1
    ]
