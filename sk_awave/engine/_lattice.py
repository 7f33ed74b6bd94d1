"""The paraunitary lattice: rotation angles <-> orthonormal low-pass filter."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy.linalg import block_diag
from scipy.optimize import least_squares
from torch import Tensor, nn

from sk_awave.engine._constants import constant
from sk_awave.engine._library import load_library

# Note [orthonormal lattice]
#     With R(t) = [[cos t, sin t], [-sin t, cos t]] and D(z) = diag(1, 1/z), the polyphase
#     matrix of every orthonormal two-channel bank of 2 M taps is, up to the sign of the
#     high-pass, R(t_{M-1}) D(z) R(t_{M-2}) ... D(z) R(t_0), and every choice of the M
#     angles gives one (Vaidyanathan & Hoang 1988; Pollen 1990). Written as filters, one
#     rotation more is
#         h_i[n] =  cos(t_i) h_{i-1}[n] + sin(t_i) g_{i-1}[n - 2]
#         g_i[n] = -sin(t_i) h_{i-1}[n] + cos(t_i) g_{i-1}[n - 2].
#     The taps of h sum to sqrt(2) sin(sum of the angles + pi / 4), and so to sqrt(2), one
#     vanishing moment, iff the angles sum to pi / 4: the last angle follows from the
#     others, and M - 1 numbers, with no constraint left on them, are what is learned.


def angles_to_lowpass(angles: Tensor) -> Tensor:
    """Map M - 1 free angles to an orthonormal low-pass filter of 2 M taps.

    Parameters
    ----------
    angles : tensor of shape (..., M - 1)
        In radians; the last one follows from them. See Note [orthonormal lattice].

    Returns
    -------
    tensor of shape (..., 2 M)
        ``rec_lo``: of unit norm, orthogonal to its even shifts, with sum sqrt(2).
    """
    last = math.pi / 4 - angles.sum(-1, keepdim=True)
    angles = torch.cat([angles, last], -1)
    batch_shape = angles.shape[:-1]
    angles = angles.reshape(-1, angles.shape[-1])
    cos, sin = angles.cos(), angles.sin()
    rotations = torch.stack([cos, sin, -sin, cos], -1)
    both = chain(rotations.unflatten(-1, (2, 2)).unbind(1))
    return both[:, 0].reshape(*batch_shape, -1)


def linearize_angles(
    angles: np.ndarray,
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Map angles to four filters, and return how gradients go back; by the kernel.

    It is `orthogonal_filters` of `angles_to_lowpass`, in a twentieth of the time that
    torch takes for so few numbers.

    Parameters
    ----------
    angles : ndarray of shape (..., M - 1)

    Returns
    -------
    filters : ndarray of shape (..., 4, 2 M)
    pull : callable
        Maps gradients with respect to filters to gradients with respect to angles.
    """
    n_free, batch_shape = angles.shape[-1], angles.shape[:-1]
    n_taps = 2 * n_free + 2
    completion = _completion(n_taps).numpy()
    angles = np.ascontiguousarray(angles, float)

    def run(gradient, size):
        out = np.empty((*batch_shape, size))
        address = None if gradient is None else gradient.ctypes.data
        places = angles.ctypes.data, address, out.ctypes.data
        if load_library().kernel_lattice(math.prod(batch_shape), n_free, *places):
            raise MemoryError("There is too little memory for a lattice.")
        return out

    def pull(gradient):
        return run(gradient.reshape(*batch_shape, -1) @ completion.T, n_free)

    filters = run(None, n_taps) @ completion
    return filters.reshape(*batch_shape, 4, n_taps), pull


def chain(matrices: Sequence[Tensor]) -> Tensor:
    """Multiply the matrices of lattices, each but the first after a delay of `g`.

    Parameters
    ----------
    matrices : sequence of M tensors of shape (n, 2, 2)

    Returns
    -------
    tensor of shape (n, 2, 2 M)
        The filters `h` and `g` of each lattice.
    """
    first, *others = matrices
    # h and g side by side in one vector, in which a constant matrix delays g.
    delay = _delay(len(matrices)).to(first)
    both = F.pad(first, (0, 2 * len(others)))
    for matrix in others:
        both = matrix.bmm((both.flatten(1) @ delay).view(both.shape))
    return both


@constant
def _delay(n_rotations: int) -> np.ndarray:
    """Return the matrix that takes (h, g) to h and g two taps later, (4 M, 4 M)."""
    identity = np.eye(2 * n_rotations)
    return block_diag(identity, np.roll(identity, 2, 1))


def lowpass_to_angles(lowpass: np.ndarray) -> np.ndarray:
    """Find the angles of an orthonormal low-pass filter: undo one rotation at a time.

    Parameters
    ----------
    lowpass : ndarray of shape (2 M,)
        ``rec_lo``.

    Returns
    -------
    ndarray of shape (M - 1,)
        Angles whose `angles_to_lowpass` is as near to `lowpass` as float64 allows; the
        caller checks how near, for a filter that is not orthonormal has none.
    """
    h = np.asarray(lowpass, dtype=float)
    angles = np.empty(len(h) // 2)
    for i in range(len(angles) - 1, 0, -1):
        # (cos, sin) is parallel to both columns: the principal axis of the pair, which
        # leans on the larger one where a tap is lost to rounding.
        pair = np.array([[h[0], h[1]], [h[-1], -h[-2]]])
        scatter = pair @ pair.T
        angle = 0.5 * np.arctan2(2 * scatter[0, 1], scatter[0, 0] - scatter[1, 1])
        alternating = h[::-1] * np.where(np.arange(len(h)) % 2, -1.0, 1.0)
        h = (np.cos(angle) * h + np.sin(angle) * alternating)[:-2]
        angles[i] = angle
    angles[0] = np.arctan2(h[1], h[0])
    return polish(angles_to_lowpass, angles[:-1], np.asarray(lowpass, dtype=float))


def polish(
    make: Callable[[Tensor], Tensor], parameters: np.ndarray, taps: np.ndarray
) -> np.ndarray:
    """Refine the parameters of long filters: the peeling amplifies their tiny end taps.

    Parameters
    ----------
    make : callable
        Maps parameters to taps.
    parameters : ndarray of shape (p,)
        The start.
    taps : ndarray of shape (n,)
        The filters that the parameters are to make.
    """

    def residual(parameters):
        return make(torch.from_numpy(parameters)).numpy() - taps

    def jacobian(parameters):
        return torch.autograd.functional.jacobian(
            make, torch.from_numpy(parameters)
        ).numpy()

    if len(parameters) == 0 or np.abs(residual(parameters)).max() < 1e-12:
        return parameters
    tight = dict.fromkeys(("xtol", "ftol", "gtol"), 1e-15)
    return least_squares(residual, parameters, jacobian, max_nfev=30, **tight).x


class Orthogonal(nn.Module):
    """Angles -> the four filters of an orthonormal bank, and back.

    It also serves as a parametrization for
    :func:`torch.nn.utils.parametrize.register_parametrization` (with ``unsafe=True``,
    as it changes the shape).

    Examples
    --------
    >>> import torch
    >>> from sk_awave.engine import Orthogonal
    >>> filters = Orthogonal()(torch.tensor([0.3, -1.2], dtype=torch.float64))
    >>> filters.shape, torch.allclose(filters[2] @ filters[2], torch.tensor(1.0).double())
    (torch.Size([4, 6]), True)
    """

    #: Every choice of angles reconstructs, and satisfies all filter conditions.
    tags = frozenset({"reconstructs", "orthonormal"})

    needs = (
        "an orthogonal wavelet of rotations, as are all 'sym' and 'coif' and 'db1' to "
        "'db22'"
    )

    def forward(self, original: Tensor) -> Tensor:
        """Map angles of shape (..., M - 1) to filters of shape (..., 4, 2 M)."""
        return orthogonal_filters(angles_to_lowpass(original))

    def linearize(self, original: np.ndarray):
        """Return filters of angles, and a function that takes gradients back."""
        return linearize_angles(original)

    def right_inverse(self, filters: Tensor) -> Tensor:
        """Map filters of shape (..., 4, 2 M) to angles of shape (..., M - 1)."""
        lowpass = filters[..., 2, :].detach().cpu().double()
        rows = [
            lowpass_to_angles(row.numpy())
            for row in lowpass.reshape(-1, lowpass.shape[-1])
        ]
        angles = torch.from_numpy(np.array(rows))
        return angles.reshape(*lowpass.shape[:-1], -1).to(filters)


def orthogonal_filters(lowpass: Tensor) -> Tensor:
    """Complete ``rec_lo`` to a bank: the high-pass is its alternating flip.

    Parameters
    ----------
    lowpass : tensor of shape (..., K)

    Returns
    -------
    tensor of shape (..., 4, K)
        ``dec_lo, dec_hi, rec_lo, rec_hi``, in PyWavelets' order and time direction.
    """
    filters = lowpass @ _completion(lowpass.shape[-1]).to(lowpass)
    return filters.unflatten(-1, (4, -1))


@constant
def _completion(n_taps: int) -> np.ndarray:
    """Return the matrix that takes ``rec_lo`` to all four filters, (K, 4 K)."""
    same = np.eye(n_taps)
    flipped = same[:, ::-1]
    highpass = flipped * np.where(np.arange(n_taps) % 2, -1.0, 1.0)
    return np.concatenate([flipped, highpass[:, ::-1], same, highpass], 1)
