"""Measures of how much a net uses a region of its samples, differentiable.

Each function takes the net, a batch and a `Region`, and returns a mean over rows and
outputs. The net is in eval mode, so that it is one and the same function in all calls.
"""

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from sk_awave.attribution._split import contextual_parts


def removal(forward, x, region):
    """Return the mean squared change of the outputs if the region is removed."""
    outputs, without = forward(torch.cat([x, x - region.part(x)])).chunk(2)
    return (outputs - without).square().mean()


def gradient(forward, x, region):
    """Return the mean square of gradients with respect to the region.

    Outputs are added with random signs. The expectation of the square of a sum with such
    signs is the sum of squares, and one backward pass serves for all outputs.
    """
    x = x.detach().requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):  # other kernels of attention have one derivative
        outputs = forward(x)
    signs = 2 * torch.randint_like(outputs, 2) - 1
    (slope,) = torch.autograd.grad((signs * outputs).sum(), x, create_graph=True)
    fixed = slope.detach()
    # The value is <g, P g>. Its derivative is 2 P g, as P is symmetric; P need not be
    # differentiable.
    square = (2 * slope - fixed) * region.project(fixed)
    return square.sum() / outputs.numel()


def decomposition(forward, x, region):
    """Return the mean size of the outputs minus the decomposition of the rest.

    By the rules, interactions of the region with the rest are irrelevant to both. So they
    count here, but not in a penalty on the decomposition of the region itself.
    """
    rest = x - region.part(x)
    relevant, outputs = contextual_parts(forward, x, rest[None])
    return (outputs - relevant[0]).abs().mean()


PENALTIES = {"removal": removal, "gradient": gradient, "cd": decomposition}
