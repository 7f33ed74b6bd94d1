"""Transforms level by level, and in each along one axis after the other."""

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from sk_awave.engine._axis_steps import make_step
from sk_awave.engine._linear_map import LinearMap
from sk_awave.engine._matrices import along
from sk_awave.engine._tree import Path


class Cascade(LinearMap):
    """Level by level, each of which keeps every second sample, and axis by axis.

    The nodes that a level splits are rows of its input, one below the other.
    """

    def _make_factors(self, pairs):
        factors = []
        by_level = along(pairs, -4, self.layout.level)
        for level, axes in zip(by_level, self._steps, strict=True):
            by_axis = along(level, -3, len(axes))
            for pair, step in zip(by_axis, axes, strict=True):
                factors += step.factors(pair.unsqueeze(-3))
        return tuple(factors)

    @cached_property
    def _steps(self) -> list[list]:
        """The step of each level along each axis."""
        layout = self.layout
        return [
            [
                make_step(length, layout.filter_length, self.mode)
                for length in layout.shapes[j]
            ]
            for j in range(layout.level)
        ]

    def _levels(self) -> list[tuple[list[Path], list[tuple[Any, list[Tensor]]]]]:
        """Return the nodes that each level splits, and its steps with their factors."""
        left = list(self.factors)
        levels = []
        for split, steps in zip(self.layout.tree.splits, self._steps, strict=True):
            axes = []
            for step in steps:
                axes.append((step, left[: step.n_factors]))
                del left[: step.n_factors]
            if split:
                levels.append((sorted(split), axes))
        return levels

    def apply(self, x, out=None):
        """Split the nodes of one level after the other."""
        ndim = len(self.layout.signal_shape)
        nodes: dict[Path, Tensor] = {(): x}
        for paths, axes in self._levels():
            y = _below([nodes.pop(path) for path in paths], ndim)
            for axis in reversed(range(ndim)):
                y = _along(y, ndim, axis, *axes[axis])
            for branch, band in enumerate(_bands(y, ndim)):
                parts = band.chunk(len(paths), -ndim - 1)
                for path, part in zip(paths, parts, strict=True):
                    nodes[*path, branch] = part
        leaves = [nodes[path].flatten(-ndim) for path in sorted(nodes)]
        return torch.cat(leaves, -1, out=out)

    def apply_transpose(self, y, out=None):
        """Put the nodes of one level after the other together."""
        ndim = len(self.layout.signal_shape)
        nodes = {
            band.path: y[..., band.start : band.stop].unflatten(-1, band.shape)
            for band in self.layout.bands
        }
        for paths, axes in reversed(self._levels()):
            bands = [
                _below([nodes.pop((*path, branch)) for path in paths], ndim)
                for branch in range(2**ndim)
            ]
            x = _join(bands, ndim)
            for axis in range(ndim):
                step, factors = axes[axis]
                x = _along(x, ndim, axis, step, factors, transpose=True)
            for path, part in zip(paths, x.chunk(len(paths), -ndim - 1), strict=True):
                nodes[path] = part
        x = nodes[()]
        return x if out is None else out.copy_(x)


def _below(nodes: list[Tensor], ndim: int) -> Tensor:
    """Put the rows of nodes below one another."""
    return nodes[0] if len(nodes) == 1 else torch.cat(nodes, -ndim - 1)


def _along(
    x: Tensor, ndim: int, axis: int, step, factors: list[Tensor], transpose: bool = False
) -> Tensor:
    """Take a step along an axis of rows (..., n_rows, *shape), of `ndim` axes."""
    # The axes before it are rows, too, and those after it are taken together.
    first = x.ndim - ndim
    before, after = x.shape[first - 1 : first + axis], x.shape[first + axis + 1 :]
    x = x.flatten(first - 1, first + axis - 1)
    place = -1 if not after else -2
    x = x.flatten(first + 1) if after else x
    y = (step.transpose if transpose else step.apply)(x, place, *factors)
    y = y.unflatten(-1, after) if after else y
    return y.unflatten(y.ndim - len(after) - 2, before)


def _bands(y: Tensor, ndim: int) -> list[Tensor]:
    """Return views of the bands of one level, the halves of every axis: 'aa' first."""
    halves = [y]
    for axis in range(-ndim, 0):
        halves = [half for band in halves for half in band.chunk(2, axis)]
    return halves


def _join(bands: list[Tensor], ndim: int) -> Tensor:
    """Undo `_bands`."""
    for axis in reversed(range(-ndim, 0)):
        pairs = zip(bands[::2], bands[1::2], strict=True)
        bands = [torch.cat(pair, axis) for pair in pairs]
    return bands[0]
