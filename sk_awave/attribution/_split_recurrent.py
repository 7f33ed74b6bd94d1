"""The rule of contextual decomposition for LSTMs.

Each of three gates is split in shares of the relevant part, of the irrelevant part and of
the bias [1]_. That of the output is not: it is the total's. The published rule gives the
product of two biases to the relevant part at the steps of a span. Here a part may be
anywhere in every step, and gets its share in the size of the input: 1 or 0 for a span.

.. [1] W. J. Murdoch, P. J. Liu, B. Yu. "Beyond word importance: contextual decomposition
   to extract interactions from LSTMs." ICLR, 2018. arXiv:1801.05453.
"""

import torch
from torch.nn import functional as F

from sk_awave.attribution._split import Split, decomposition_rule, no_rule
from sk_awave.attribution._split_rules import check_eval_mode, zero_where_nothing


def gate_shares(relevant, total, bias, function):
    """Return the shares of the relevant part and of the bias in a function of the total.

    The share of the relevant part is the average of what it adds to the bias alone and
    what it adds to all the rest. The share of the rest is computed in the same way; the
    three shares add up to the value of the function.
    """
    at_bias = function(bias)
    first = function(relevant + bias) - at_bias
    last = function(total) - function(total - relevant)
    return zero_where_nothing(relevant, (first + last) / 2), at_bias


def lstm_step(gates, cell, bias, step_share):
    """Advance an LSTM by one step.

    Parameters
    ----------
    gates : pair of tensors of shape (..., 4 * n_hidden)
        The products of the weights with the input and the hidden state, without the bias:
        the total and its relevant part.
    cell : pair of tensors of shape (..., n_hidden)
    bias : tensor of shape (4 * n_hidden,)
    step_share : tensor of shape (..., 1)
        The share of the relevant part in the input.

    Returns
    -------
    hidden, cell : pairs of tensors of shape (..., n_hidden)
    """
    (total, relevant), n = (gates[0] + bias, gates[1]), len(bias) // 4
    both, rest, output = slice(2 * n), slice(2 * n, 3 * n), total[..., 3 * n :].sigmoid()
    shares, at_bias = gate_shares(
        relevant[..., both], total[..., both], bias[both], torch.sigmoid
    )
    (i_r, f_r), (i_b, f_b) = shares.chunk(2, -1), at_bias.chunk(2, -1)
    g_r, g_b = gate_shares(relevant[..., rest], total[..., rest], bias[rest], torch.tanh)
    i, f = total[..., both].sigmoid().chunk(2, -1)
    cell = (
        f * cell[0] + i * total[..., rest].tanh(),
        (f_r + f_b) * cell[1] + i_r * (g_r + g_b) + i_b * (g_r + step_share * g_b),
    )
    hidden, _ = gate_shares(cell[1], cell[0], bias.new_zeros(()), torch.tanh)
    return (output * cell[0].tanh(), output * hidden), cell


def _step_shares(x, relevant):
    """Return the share of the relevant part in the size of each input."""
    size, rest = (v.abs().sum(-1, keepdim=True) for v in (relevant, x - relevant))
    return size / (size + rest + torch.finfo(x.dtype).tiny)


def _pair(x):
    """Return the total and its relevant part; that of a constant is zero."""
    return (x.total, x.relevant) if isinstance(x, Split) else (x, torch.zeros_like(x))


def _bias(weights):
    """Add the two biases, if there are any."""
    return sum(weights[2:4], weights[0].new_zeros(len(weights[0])))


def _turned(steps, is_backward):
    """Return steps in the order of a direction."""
    return [part.flip(0) for part in steps] if is_backward else steps


def _direction(x, hidden, cell, weights):
    """Run one layer in one direction over pairs of shape (n_steps, ...)."""
    shares, bias = _step_shares(*x), _bias(weights)
    steps = [F.linear(part, weights[0]) for part in x]
    outputs = []
    for total, relevant, share in zip(*steps, shares, strict=True):
        inner = [F.linear(part, weights[1]) for part in hidden]
        gates = total + inner[0], relevant + inner[1]
        hidden, cell = lstm_step(gates, cell, bias, share)
        outputs.append(hidden)
    return [torch.stack(part) for part in zip(*outputs, strict=True)], hidden, cell


@decomposition_rule(torch.lstm)
def lstm(
    func,
    total,
    x,
    hx,
    weights,
    has_biases,
    num_layers=None,
    dropout=0.0,
    training=False,
    bidirectional=False,
    batch_first=False,
):
    """Go through the steps of each layer and direction."""
    n_directions, n_weights = 1 + bidirectional, 4 if has_biases else 2
    is_packed = not isinstance(has_biases, bool)
    if is_packed or len(weights) != num_layers * n_directions * n_weights:
        raise no_rule(func)  # packed sequences, or projections of the hidden state
    check_eval_mode(training, "the LSTM")
    axis = 1 if batch_first else 0
    steps = [part.movedim(axis, 0) for part in _pair(x)]
    # Hidden state and cell of each layer and direction, totals and relevant parts.
    starts = list(zip(*(zip(*_pair(start), strict=True) for start in hx), strict=True))
    ends = []
    for layer in range(num_layers):
        outputs = []
        for direction in range(n_directions):
            k = layer * n_directions + direction
            output, *end = _direction(
                _turned(steps, direction),
                *starts[k],
                weights[k * n_weights : (k + 1) * n_weights],
            )
            outputs.append(_turned(output, direction))
            ends.append(end)
        steps = [torch.cat(part, -1) for part in zip(*outputs, strict=True)]
    hidden, cell = (torch.stack([end[i][1] for end in ends]) for i in (0, 1))
    return steps[1].movedim(0, axis), hidden, cell


@decomposition_rule(torch.lstm_cell)
def lstm_cell(func, total, x, hx, *weights):
    """Advance by one step."""
    x, hidden, cell = map(_pair, (x, *hx))
    gates = [
        F.linear(step, weights[0]) + F.linear(inner, weights[1])
        for step, inner in zip(x, hidden, strict=True)
    ]
    hidden, cell = lstm_step(gates, cell, _bias(weights), _step_shares(*x))
    return hidden[1], cell[1]
