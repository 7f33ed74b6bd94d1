"""Objects without their tensors, so that pickles and hashes depend on values alone.

A pickled tensor holds the address of its memory and its device. Here tensors are saved
apart, on the CPU, and slots stand for them. What is left is pickled by whoever pickles
the whole, so that loky's workers get classes of ``__main__`` and lambdas, too.
"""

import io
import pickle
from types import FunctionType

import torch
from torch import Tensor, nn


class _Slot:
    """Stands for a tensor."""

    def __init__(self, is_parameter, requires_grad):
        self.is_parameter = is_parameter
        self.requires_grad = requires_grad

    def fill(self, tensor):
        return nn.Parameter(tensor, self.requires_grad) if self.is_parameter else tensor


def take_tensors(obj, *, trainable=False):
    """Copy an object with slots in place of tensors.

    Parameters
    ----------
    obj : object
        Anything that can be pickled, but for its classes and functions.
    trainable : bool, default=False
        If True, parameters keep their ``requires_grad``. Otherwise it is set to False, so
        that equal weights are equal.

    Returns
    -------
    skeleton : object
    slots : list
        The slots in it.
    data : bytes
        The tensors, as ``torch.save`` writes them.
    """
    slots, tensors = {}, []

    def swap(part):
        if id(part) not in slots:
            needs_grad = trainable and part.requires_grad
            slots[id(part)] = _Slot(isinstance(part, nn.Parameter), needs_grad)
            tensors.append(part)
        return slots[id(part)]

    skeleton = _swap_parts(obj, Tensor, swap)
    file = io.BytesIO()
    torch.save([tensor.detach().cpu().clone() for tensor in tensors], file)
    return skeleton, list(slots.values()), file.getvalue()


def put_tensors(skeleton, slots, data):
    """Undo `take_tensors`; the tensors come back on the CPU."""
    tensors = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    places = {
        id(slot): slot.fill(tensor) for slot, tensor in zip(slots, tensors, strict=True)
    }
    return _swap_parts(skeleton, _Slot, lambda slot: places[id(slot)])


def _swap_parts(obj, kind, swap):
    """Copy an object, with the parts of a kind swapped wherever they are in it."""
    parts = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, part):
            if isinstance(part, kind):
                parts.append(swap(part))
            elif isinstance(part, type | FunctionType):
                parts.append(part)
            else:
                return None
            return len(parts) - 1

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, index):
            return parts[index]

    file = io.BytesIO()
    Pickler(file).dump(obj)
    file.seek(0)
    return Unpickler(file).load()
