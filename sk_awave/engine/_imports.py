"""Imports of torch that Ctrl-C does not cut in half."""

from concurrent.futures import ThreadPoolExecutor

import torch


def import_optimizers() -> None:
    """Let torch import what it imports with the first step of an optimizer.

    These are hundreds of modules, and if KeyboardInterrupt ends their import, they cannot
    be imported again. It is raised in the main thread only, so the step is done in
    another one, which ends in any case.
    """
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_step).result()


def _step() -> None:
    parameter = torch.zeros(1, requires_grad=True)
    parameter.grad = torch.zeros(1)
    torch.optim.Adam([parameter]).step()
