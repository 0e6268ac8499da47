"""A picture of where each head of each layer looks, as small multiples below their mean."""

import numpy as np

from common.functions import expect_mask
from seq2seq.plot_parts import (
    CELL,
    FLAT,
    NARROW,
    SMALL,
    SMALL_TITLE,
    TICKS,
    TITLE,
    AttentionMap,
    checked,
    draw_map,
    fitted_labels,
    frame,
    labels_of,
)
from support.array import Array
from support.plot_style import in_our_style
from support.plot_text import Writing, new_figure, width_of_axes

MOST = 48  # the most small multiples in a picture
ACROSS = 4  # the most in a row; the heads of a layer take as many rows as they need


@in_our_style
def plot_heads(
    weights: Array,
    input_labels: str | list[str],
    output_labels: str | list[str],
    axes: Array | None = None,
    *,
    seen: Array | None = None,
    answer: str | list[str] | None = None,
    names: tuple[str, str] = ("input", "output"),
    cmap: str = "Greys_r",
    title: str | None = None,
) -> Array:
    """Draw the attention weights of all heads: the mean as a map, and below it one small map per layer and head.

    weights (layers, heads, T_out, T_in), in the order of the labels, as of one question from ``head_maps``. A row of
    small maps is a layer, or a part of one with more than four heads; they share labels and the colour bar. One head
    of one layer is its own mean, and is drawn alone.
    seen: bool (T_out, T_in), what may be looked at; cells that may not, as later characters, are hatched, unlike those
    of weight 0. names: of the axes, for readers. answer, cmap, title: as for ``plot_attention``.
    axes: one Axes per map, the mean's first; None makes a new figure. Returns these Axes.
    Raises ValueError for more than 48 maps, more or fewer axes than maps, and whenever ``plot_attention`` does.
    Source: Vaswani et al. 2017, figures 3 to 5.
    """
    weights, shape = np.asarray(weights), (len(output_labels), len(input_labels))
    if weights.ndim != 4 or not 0 < len(weights) * weights.shape[1] <= MOST:
        wanted = f"weights (layers, heads, T_out, T_in) of 1 to {MOST} heads in all"
        raise ValueError(f"plot_heads: expected {wanted}, got shape {weights.shape}")
    if seen is not None:
        expect_mask("plot_heads", seen, shape, "seen")
    layers, heads, *_ = weights.shape
    each = [(f"layer {k + 1}, head {h + 1}", weights[k, h]) for k in range(layers) for h in range(heads)]
    mean = [(f"mean of {len(each)} heads", weights.mean(axis=(0, 1)))] if len(each) > 1 else []
    if not (axes is None or np.size(axes) == len(mean) + len(each)):
        raise ValueError(f"plot_heads: expected {len(mean) + len(each)} Axes for these maps, got {np.size(axes)}")
    maps = [checked(AttentionMap(one, input_labels, output_labels, answer, text)) for text, one in (*mean, *each)]
    sides = labels_of(maps[0])
    given = None if axes is None else np.ravel(axes)[0]
    writing = Writing([*sides[0], *sides[1], *names, title or "", "…"], given)
    sizes = [TICKS] * len(mean) + [SMALL] * len(each)
    fitted = {size: fitted_labels(*sides, writing, size) for size in {*sizes}}
    figure = None
    if axes is None:
        lines = -(-heads // ACROSS)  # of a layer
        columns = -(-heads // lines)
        widest = writing.width(each[-1][0], SMALL_TITLE) / 72
        figure, axes = _new_figure((layers, heads, lines, columns), fitted, widest)
    for one, size, ax in zip(maps, sizes, axes := np.ravel(axes), strict=True):
        across, down, longest, _ = fitted[size]
        drawn = one if seen is None else one._replace(weights=np.ma.array(one.weights, mask=~seen))
        draw_map(ax, drawn, across, down, longest, cmap, size)
        ax.patch.set(facecolor="white", edgecolor="0.6", hatch="//////", linewidth=0)  # behind the cells
        ax.tick_params(pad=1.5)
        text, size = one.title or "", TITLE if size == TICKS else SMALL_TITLE
        ax.set_title(text if figure else writing.wrap(text, width_of_axes(ax), size), fontsize=size)
        writing.literal(ax)
    if figure is not None:
        for k, ax in enumerate(axes[len(mean) :]):
            layer, head = divmod(k, heads)
            lowest = layer == layers - 1 and head + columns >= heads
            ax.tick_params(labelleft=head % columns == 0, labelbottom=lowest)
        frame(figure, axes, writing, names, title)
    return axes


def _new_figure(sizes: tuple[int, int, int, int], fitted: dict[float, tuple], title: float):
    """Return a new figure, and its Axes: of the mean, if there is one, and of each head.

    sizes: layers, heads, lines of each layer, columns. fitted: what ``fitted_labels`` returned, by font size. title:
    the width of a small map's title in inches.
    """
    layers, heads, lines, columns = sizes
    across, down, turned, left = fitted[SMALL]
    width = 1.1 + left + columns * (0.1 + max(title, NARROW * len(across)))
    heights = [FLAT * len(down)] * (layers * lines)
    height = 0.9 + 0.3 * len(heights) + turned * (turned > NARROW)
    if TICKS in fitted:
        _, _, turned, left = fitted[TICKS]
        width = max(width, 1.6 + left + CELL * len(across))
        heights.insert(0, CELL * len(down))
        height += 0.5 + turned * (turned > CELL)
    figure, grid = new_figure("plot_heads", width, height + sum(heights), len(heights), columns)
    whole = grid[0, 0].get_gridspec()
    whole.set_height_ratios(heights)
    small = grid[-layers * lines :].reshape(layers, -1)
    for ax in (*grid[: -layers * lines].flat, *small[:, heads:].flat):
        ax.remove()
    mean = [figure.add_subplot(whole[0, :], aspect="equal")] if TICKS in fitted else []
    return figure, [*mean, *small[:, :heads].flat]
