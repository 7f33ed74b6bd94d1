"""Small networks of many kinds, for the tests of contextual decomposition."""

import torch
from torch import nn
from torch.nn import functional as F

LENGTH = 16


class Residual(nn.Module):
    """A block with an in-place ReLU and ``+=``, after a batch normalisation."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(1, 6, 5, padding=2)
        self.norm = nn.BatchNorm1d(6)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv1d(6, 6, 3, padding=1, bias=False)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = self.relu(self.norm(self.first(x.unsqueeze(1))))
        inner = self.second(x)
        inner += x
        return self.head(self.relu(inner).mean(-1))


class Inception(nn.Module):
    """Kernels of several lengths side by side."""

    def __init__(self):
        super().__init__()
        self.paths = nn.ModuleList(
            nn.Conv1d(1, 3, size, padding=size // 2, bias=False) for size in (3, 5, 9)
        )
        self.norm = nn.BatchNorm1d(9)
        self.head = nn.Linear(9, 2)

    def forward(self, x):
        x = torch.cat([path(x[:, None]) for path in self.paths], 1)
        return self.head(F.adaptive_avg_pool1d(F.relu(self.norm(x)), 1).flatten(1))


class Gates(nn.Module):
    """Products, constants on either side, other activations, and one output."""

    def __init__(self):
        super().__init__()
        self.value = nn.Linear(LENGTH, 8)
        self.gate = nn.Linear(LENGTH, 8)
        self.head = nn.Linear(16, 1)

    def forward(self, x):
        gated = self.value(x) * torch.sigmoid(self.gate(x))
        hidden = torch.cat([torch.tanh(gated), F.leaky_relu(gated - 0.5, 0.1)], dim=1)
        return 2.0 - self.head(hidden / 2 + 1.0).squeeze(-1)


class Pooled(nn.Module):
    """Images: convolutions with all the poolings."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 6, 2)
        self.head = nn.Linear(6 * 2 + 6, 3)

    def forward(self, x):
        x = F.relu(self.norm(self.first(x.reshape(-1, 1, 4, 4))))
        x = F.avg_pool2d(x, 2, stride=1) + F.max_pool2d(x, 2, stride=1)
        x = F.gelu(self.second(x))
        pooled = F.adaptive_max_pool2d(x, (2, 1)).flatten(1), x.amax(-1).amax(-1)
        return self.head(torch.cat(pooled, -1))


class Transposed(nn.Module):
    """To half the length and back."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv1d(1, 4, 4, stride=2, padding=1)
        self.up = nn.ConvTranspose1d(4, 2, 4, stride=2, padding=1)
        self.head = nn.Linear(2 * LENGTH, 2)

    def forward(self, x):
        return self.head(self.up(torch.relu(self.down(x.unsqueeze(1)))).flatten(1))


class Recurrent(nn.Module):
    """LSTMs, read at the last step or by the last hidden state."""

    def __init__(self, reads="output", **kwargs):
        super().__init__()
        self.reads = reads
        self.lstm = nn.LSTM(2, 5, **kwargs)
        self.head = nn.Linear(5 * (1 + self.lstm.bidirectional), 2)

    def forward(self, x):
        x = x.reshape(len(x), -1, 2)
        x = x if self.lstm.batch_first else x.transpose(0, 1)
        output, (hidden, _) = self.lstm(x)
        if self.reads == "hidden":
            return self.head(hidden[-1])
        return self.head(output[:, -1] if self.lstm.batch_first else output[-1])


class Cell(nn.Module):
    """A loop of one's own over an LSTMCell."""

    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(1, 5)
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        state = None
        for step in x.unbind(1):
            state = self.cell(step[:, None], state)
        return self.head(state[0])


class Branch(nn.Module):
    """Control flow that depends on the values."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(LENGTH, 2)

    def forward(self, x):
        x = self.head(x) if x.sum() > 0 else self.head(-x)
        return torch.where(x > 0, x, 0.1 * x)


def perceptron():
    return nn.Sequential(
        *(nn.Linear(LENGTH, 12), nn.BatchNorm1d(12), nn.ELU(), nn.Dropout()),
        *(nn.Linear(12, 8), nn.ReLU6(), nn.Linear(8, 3)),
    )


def convolutional():
    return nn.Sequential(
        *(nn.Unflatten(1, (1, LENGTH)), nn.Conv1d(1, 4, 3), nn.Softplus()),
        *(nn.MaxPool1d(2), nn.ConstantPad1d(1, 0.0), nn.Conv1d(4, 6, 3), nn.PReLU(6)),
        *(nn.AdaptiveMaxPool1d(3), nn.Flatten(), nn.Linear(18, 3)),
    )


NETS = {
    "perceptron": perceptron,
    "convolutional": convolutional,
    "residual": Residual,
    "inception": Inception,
    "gates": Gates,
    "pooled": Pooled,
    "transposed": Transposed,
    "lstm": lambda: Recurrent(batch_first=True),
    "last hidden state": lambda: Recurrent("hidden"),
    "lstm without bias": lambda: Recurrent(bias=False),
    "deep lstm": lambda: Recurrent(num_layers=2, bidirectional=True, batch_first=True),
    "lstm cell": Cell,
    "branch": Branch,
    "parallel": lambda: nn.DataParallel(nn.Linear(LENGTH, 2)),
}


def make_net(name, seed=0):
    """Return a net of float64 in eval mode, with statistics of batch normalisation."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = NETS[name]().double()
        net(2 * torch.randn(50, LENGTH, dtype=torch.float64) + 0.5)
    return net.eval()
