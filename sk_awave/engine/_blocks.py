"""The objective of data in blocks, each of which is somewhere else or there for a while.

Note [sum over blocks]
    An objective is a mean over rows, so that those of blocks add up: value and gradient
    are ``sum_i n_i v_i / n`` for blocks of ``n_i`` of all ``n`` rows, where the scale of
    smoothing is that of all. The sum is taken in the order of the blocks, wherever they
    are evaluated: equal blocks give equal results, to the last bit.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import add
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sk_awave.engine._best_basis import BestBasis
from sk_awave.engine._filter_bank import FilterBank
from sk_awave.engine._layout import CoeffLayout
from sk_awave.engine._objective import Objective, evaluate_each
from sk_awave.engine._terms import Term


@dataclass(frozen=True)
class Block:
    """Some of the signals, as the user has them, and what is known of them.

    Attributes
    ----------
    number : int
        Its place among the blocks.
    x : tensor of shape (n, *sample_shape)
    input_gradients : tensor of shape (n, n_targets, *sample_shape), default=None
    y : tensor of shape (n, ...), default=None
    """

    number: int
    x: Tensor
    input_gradients: Tensor | None = None
    y: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def __sizeof__(self) -> int:
        return sum(a.nbytes for a in self._data if a is not None)

    def __getitem__(self, rows: Any) -> "Block":
        data: Any = (None if a is None else a[rows] for a in self._data)
        return Block(self.number, *data)

    @property
    def _data(self) -> tuple[Tensor, Tensor | None, Tensor | None]:
        return self.x, self.input_gradients, self.y


class Summary(NamedTuple):
    """Facts about all blocks that are needed before any is evaluated.

    Attributes
    ----------
    n_rows : dict of int to int
        The length of each block, by its number and in their order.
    scales : tuple of two floats
        The mean absolute value of all signals, and of all gradients.
    like : Block
        The first block without its rows.
    """

    n_rows: dict[int, int]
    scales: tuple[float, float]
    like: Block


class Blocks(ABC):
    """The data in blocks, in an order that stays."""

    @abstractmethod
    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks."""

    @abstractmethod
    def map(self, function: Callable[..., Iterable], *args) -> Iterable:
        """Yield what a function of an iterable of blocks yields for each, in order.

        It may be called with some of the blocks at a time, where these are.
        """

    @cached_property
    def summary(self) -> Summary:
        """The `Summary` of all blocks, from a first pass through them."""
        parts = list(self.map(_summarise))
        if not parts:
            raise ValueError("X has no samples: all of its blocks are empty.")
        numbers, lengths, x_sums, gradient_sums, likes = zip(*parts, strict=True)
        n, like = sum(lengths), likes[0]
        by_value = [
            1.0 if a is None else sum(sums) / (n * math.prod(a.shape[1:]))
            for a, sums in ((like.x, x_sums), (like.input_gradients, gradient_sums))
        ]
        n_rows = dict(zip(numbers, lengths, strict=True))
        return Summary(n_rows, (by_value[0], by_value[1]), like)


@dataclass(frozen=True)
class SummedObjective:
    """The objective of blocks, with the methods of `Objective`.

    See Note [sum over blocks].

    Parameters
    ----------
    template : Objective
        An objective without rows, with the terms, and with the scales of all signals.
    blocks : Blocks
    """

    template: Objective
    blocks: Blocks

    @property
    def bank(self) -> FilterBank:
        """The filter bank: the map of parameters to filters, and its start."""
        return self.template.bank

    @property
    def layout(self) -> CoeffLayout:
        """The transform."""
        return self.template.layout

    @property
    def terms(self) -> dict:
        """The strength of each term."""
        return self.template.terms

    @property
    def start(self) -> np.ndarray:
        """The parameters of the bank, flat."""
        return self.template.start

    @property
    def device(self) -> torch.device:
        """The device of the signals."""
        return self.template.device

    @property
    def n_rows(self) -> int:
        """The number of signals."""
        return sum(self.blocks.summary.n_rows.values())

    def at(self, **strengths: float) -> "SummedObjective":
        """Return the same objective with other strengths of the terms of these names."""
        return replace(self, template=self.template.at(**strengths))

    def of(self, bank: FilterBank) -> "SummedObjective":
        """Return the same objective as a function of the parameters of another bank."""
        return replace(self, template=self.template.of(bank))

    def recast(self, kind: type[Objective], layout: CoeffLayout) -> "SummedObjective":
        """Return an objective of a kind and a transform, of the same data and terms."""
        return replace(self, template=self.template.recast(kind, layout))

    def total(self, report: Mapping[str, float]) -> float:
        """Return the weighted sum of what `report` returns."""
        return self.template.total(report)

    def layout_at(self, filters: Tensor, smoothing: float = 0.0) -> CoeffLayout:
        """Return the transform at filters; they and the signals may choose it.

        Parameters
        ----------
        filters : tensor of shape (level or 1, ndim or 1, 4, K)
        smoothing : float, default=0
        """
        if not isinstance(self.template, BestBasis):
            return self.layout
        parts = self.blocks.map(_costs, self.template, filters.detach(), smoothing)
        return self.template.cheapest_layout(self._mean(parts))

    def __call__(
        self, theta: np.ndarray, *, smoothing: float = 0.0, rows: Block | None = None
    ) -> tuple[float, np.ndarray]:
        """Evaluate the objective and its gradient.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
        smoothing : float, default=0
        rows : Block, default=None
            A mini-batch; all signals by default.

        Returns
        -------
        value : float
        gradient : ndarray of shape (n_parameters,)
        """
        if rows is not None:
            return self.template.on(rows)(theta, smoothing=smoothing)
        fixed = self._at(theta, smoothing)
        value, gradient = self._mean(self.blocks.map(_evaluate, fixed, theta, smoothing))
        return float(value), gradient

    def report(self, theta: np.ndarray) -> dict[str, float]:
        """Evaluate every term at parameters, unweighted, by its name."""
        totals = self._mean(self.blocks.map(_report, self._at(theta), theta))
        names = (term.name for term in self.terms)
        return dict(zip(names, map(float, totals), strict=True))

    def take(self, rows: np.ndarray) -> Objective:
        """Return the same objective of some of the signals, given by their numbers."""
        lengths = self.blocks.summary.n_rows
        ends = np.cumsum(list(lengths.values()))
        order = np.argsort(rows)
        parts = np.split(rows[order], np.searchsorted(rows[order], ends[:-1]))
        wanted = {
            number: part - end + lengths[number]
            for number, part, end in zip(lengths, parts, ends, strict=True)
        }
        taken = self.blocks.map(_take, wanted)
        data: Any = [
            None if tensors[0] is None else torch.cat(tensors)[np.argsort(order)]
            for tensors in zip(*(block._data for block in taken), strict=True)
        ]
        return self.template.on(Block(0, *data)).take(np.arange(len(rows)))

    def batches(self, size: int, seed: int) -> "ShuffledBlocks":
        """Return mini-batches of at most a size; see `Function`."""
        return ShuffledBlocks(self.blocks, size, seed)

    def _at(self, theta: np.ndarray, smoothing: float = 0.0) -> Objective:
        """Return the template, in the basis that it chooses at parameters."""
        if not isinstance(self.template, BestBasis):
            return self.template
        layout = self.layout_at(self.bank.at(theta)().detach(), smoothing)
        return self.template.recast(Objective, layout)

    def _mean(self, parts: Iterable[Sequence]) -> list:
        """Return the mean over rows of what there is of each block.

        Parts are not kept: between large blocks small ones would leave holes in memory.
        """
        lengths, totals = iter(self.blocks.summary.n_rows.values()), None
        for part in parts:
            n = next(lengths, 0)  # of those too many, of which the iterable tells
            terms = [n * value for value in part]
            totals = terms if totals is None else list(map(add, totals, terms))
        return [total / self.n_rows for total in totals or ()]


def summed_objective(
    bank: FilterBank, layout: CoeffLayout, terms: Mapping[Term, float], blocks: Blocks
) -> SummedObjective:
    """Make the objective of blocks, as `Objective` is made of tensors."""
    like, scales = blocks.summary.like, blocks.summary.scales
    empty = torch.empty(0, 1, *layout.signal_shape).to(like.x)
    gradients = None if like.input_gradients is None else empty
    template = Objective(bank, layout, terms, empty, gradients, like.y, scales)
    return SummedObjective(template, blocks)


class ShuffledBlocks:
    """Mini-batches from one block after the other, the rows of each in another order.

    Parameters
    ----------
    blocks : Blocks
    size : int
    seed : int
        Of the shuffling.
    """

    def __init__(self, blocks: Blocks, size: int, seed: int):
        self.blocks, self.size = blocks, size
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return sum(-(-n // self.size) for n in self.blocks.summary.n_rows.values())

    def __iter__(self) -> Iterator[Block]:
        for block in self.blocks:
            order = torch.randperm(len(block), generator=self.generator)
            for rows in order.to(block.x.device).split(self.size):
                batch = block[rows]
                yield batch


# What is done where the blocks are.


def _summarise(blocks: Iterable[Block]) -> Iterator[tuple]:
    like = None
    for block in blocks:
        sums = (
            0.0 if a is None else _sum_of_norms(a)
            for a in (block.x, block.input_gradients)
        )
        if like is None:  # rows of its own, in place of a view that would keep all
            like = block[torch.arange(0, device=block.x.device)]
        yield block.number, len(block), *sums, like


def _sum_of_norms(x: Tensor) -> float:
    """Return the L1 norm, summed in float64 over rows: all in float64 would take long."""
    return float(torch.linalg.vector_norm(x.flatten(1), 1, dim=1).double().sum())


def _evaluate(blocks, template, theta, smoothing):
    return evaluate_each(map(template.on, blocks), theta, smoothing)


def _report(blocks, template, theta):
    return (list(template.on(block).report(theta).values()) for block in blocks)


def _costs(blocks, template, filters, smoothing):
    return (template.on(block).costs(filters, smoothing) for block in blocks)


def _take(blocks, rows):
    return (block[rows[block.number]] for block in blocks)
