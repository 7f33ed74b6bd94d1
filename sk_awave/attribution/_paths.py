"""The points around a sample at which methods of attribution take gradients."""

from functools import partial

import numpy as np
import torch
from sklearn.utils import check_random_state

from sk_awave.utils._budget import check_budget

#: The methods, and whether their scores are multiplied by the input or coefficients.
METHODS = {
    "saliency": False,
    "input_x_gradient": True,
    "integrated_gradients": True,
    "smoothgrad": False,
    "expected_gradients": False,
}

#: Those that take the gradient at the sample itself.
LOCAL_METHODS = ("saliency", "input_x_gradient")


def make_path(method, n_steps, noise_level, baselines, random_state):
    """Make the steps of a method that averages gradients.

    Parameters
    ----------
    method : {"integrated_gradients", "smoothgrad", "expected_gradients"}
    n_steps : int
    noise_level : float
    baselines : tensor of shape (n_baselines, ...)
    random_state : int, RandomState instance or None

    Returns
    -------
    list of (callable, float)
        Functions from samples to the points of a step, to be called on the chunks of the
        samples in their order, and the weights of the gradients there.
    """
    # Nodes are eigenvalues of a matrix; other steps have a generator of 2.5 kB each.
    n_values = n_steps * (n_steps if method == "integrated_gradients" else 320)
    check_budget(n_values, f"n_steps={n_steps}", "Use fewer steps.", 0)
    if method == "integrated_gradients":
        nodes, weights = np.polynomial.legendre.leggauss(n_steps)
        nodes, weights = (nodes + 1) / 2, weights / 2  # from [-1, 1] to [0, 1]
        moves = [partial(torch.mul, other=node) for node in nodes.tolist()]
        return list(zip(moves, weights.tolist(), strict=True))
    if random_state is None:  # the global generator is not ours to move
        random_state = np.random.RandomState()
    # A generator for each step, so that the draws do not depend on the chunks.
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=n_steps)
    draws = [np.random.RandomState(seed) for seed in seeds]
    if method == "smoothgrad":
        moves = [partial(_add_noise, level=noise_level, draw=draw) for draw in draws]
    else:
        moves = [partial(_draw_between, baselines=baselines, draw=draw) for draw in draws]
    return [(move, 1 / n_steps) for move in moves]


def _add_noise(x, level, draw):
    """Add noise on the scale of each sample's range."""
    noise = torch.from_numpy(draw.standard_normal(x.shape)).to(x)
    flat = x.flatten(1)
    return x + noise * _along(level * (flat.amax(1) - flat.amin(1)), x)


def _draw_between(x, baselines, draw):
    """Draw a baseline for each sample, and a point on the way from it to the sample."""
    uniform = torch.from_numpy(draw.uniform(size=(len(x), 2)))
    rows = (uniform[:, 0] * len(baselines)).long()
    start = baselines[rows.to(baselines.device)].to(x)
    return start + _along(uniform[:, 1].to(x), x) * (x - start)


def _along(values, x):
    """Reshape one value a sample to broadcast with samples."""
    return values.reshape(-1, *[1] * (x.ndim - 1))
