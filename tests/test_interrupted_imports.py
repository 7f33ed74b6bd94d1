"""Ctrl-C in a first fit does not cut imports in half.

Torch imports hundreds of modules with the first optimizer. Where they are imported is
seen only in processes of their own.
"""

import subprocess
import sys

import pytest

PREPARED = """
import sys, threading, warnings
import numpy as np
import skorch
from torch import nn
from sk_awave import *
from sk_awave.attribution import *
from sk_awave.neural_network import PenalizedNetRegressor

warnings.simplefilter("ignore")
X = np.random.default_rng(0).standard_normal((40, 16)).astype("f")
y = X[:, :1]
net = nn.Sequential(nn.Linear(16, 4), nn.Tanh(), nn.Linear(4, 1))
untrained = skorch.NeuralNetRegressor(net, max_epochs=1, verbose=0)
mask = np.arange(16) < 4

class Decoder:
    def transform(self, x):
        return x[:, :4]

    def inverse_transform(self, c):
        return c.repeat(1, 4).sin()

def learn(wavelet="db2", **params):
    params = {"level": 1, "max_iter": 2} | params
    return AdaptiveWaveletTransformer(wavelet, **params).fit(X)

in_main = []

def watch(event, args):
    name = args[0] if event == "import" else ""
    if name.partition(".")[0] in ("torch", "sympy") and name not in sys.modules:
        if threading.current_thread() is threading.main_thread():
            in_main.append(name)
        stop(name)

def stop(name):
    pass
"""

FITS = {
    "without an optimizer": """
learn()
learn(parametrization="free")
learn("bior2.2", parametrization="symmetric")
learn(teacher=Teacher(net, method="integrated_gradients"))
TransformImportance(Decoder(), net).fit(X).transform(X)
ContextualDecomposition(None, net, groups=mask[None]).fit(X).transform(X)
AdaptiveSubbandPooling(n_candidates=2).fit(X, y[:, 0] > 0)
""",
    "adam": "learn(solver='adam')",
    "distillation": "AWDRegressor(untrained, random_state=0).fit(X, y[:, 0])",
    "penalised": "PenalizedNetRegressor(net, mask=mask, verbose=0).fit(X, y)",
}


def run(code):
    script = PREPARED + code
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("fit", FITS)
def test_nothing_of_torch_is_imported_where_ctrl_c_is_raised(fit):
    assert run(f"sys.addaudithook(watch)\n{FITS[fit]}\nprint(in_main)") == "[]\n"


@pytest.mark.parametrize("fit", ["adam", "distillation"])
def test_a_fit_after_ctrl_c_in_an_import(fit):
    code = f"""
import _thread

def stop(name):
    if name == "torch._dynamo.utils":
        _thread.interrupt_main()

sys.addaudithook(watch)
try:
    {FITS[fit]}
except KeyboardInterrupt:
    print("interrupted")
{FITS[fit]}
print("fitted")
"""
    assert run(code) == "interrupted\nfitted\n"
