"""
Distil an LSTM on traces to a linear model
==========================================

Short synthetic traces hold a few bursts, and the response is the height of the largest:
a stand-in for the biology study of Ha et al. (2021), whose data are not public. An LSTM
is trained on them, a wavelet learned in which its attributions are sparse, and the six
largest coefficients of each band go to a linear model. The report sets it beside the
LSTM, and beside the same model on raw samples, db5, and the best fixed wavelet.
"""

# %%
# Teacher and student
# -------------------
# A skorch net is an estimator: it is trained again in each fold of the report.
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.linear_model import LassoCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetRegressor
from torch import nn

from sk_awave import AdaptiveWaveletTransformer, AWDRegressor, SubbandPooling
from sk_awave.datasets import make_bursts

torch.set_num_threads(1)
torch.manual_seed(0)
X, y = make_bursts(900, random_state=0, return_X_y=True)
X, y = X.astype(np.float32), y.astype(np.float32)


class Lstm(nn.Module):
    """One recurrent layer of 20 units, of which the largest values over time count."""

    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(1, 20, batch_first=True)
        self.output = nn.Linear(20, 1)

    def forward(self, x):
        hidden, _ = self.recurrent(x.unsqueeze(-1))
        return self.output(hidden.amax(1))


class LstmRegressor(NeuralNetRegressor):
    """A net whose loss takes targets of shape (n_samples,)."""

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        return super().get_loss(y_pred[:, 0], y_true, *args, **kwargs)


lstm = LstmRegressor(
    Lstm,
    optimizer=torch.optim.Adam,
    lr=0.01,
    max_epochs=60,
    batch_size=100,
    iterator_train__shuffle=True,
    train_split=None,
    verbose=0,
)
model = AWDRegressor(
    lstm,
    transformer=AdaptiveWaveletTransformer("db3", level=2, alpha_attribution=10.0),
    features=SubbandPooling(statistics=("max",), n_largest=6),
    estimator=make_pipeline(StandardScaler(), LassoCV(cv=3)),
    random_state=0,
)

# %%
# The report
# ----------
# Three folds; the standard errors are over them. Pooling is what the linear model needs:
# on raw samples it knows nothing. Which wavelet is pooled matters little here, and the
# learned one is no better than db5 or the best fixed one; the LSTM sees more than both.
report = model.report(X, y, cv=3, wavelets=["haar", "db2", "db3", "db5", "sym4"])
print(report)

# %%
# What the student looks at
# -------------------------
model.fit(X, y)
weights = model.estimator_[-1].coef_
names = model.get_feature_names_out()
order = np.argsort(-np.abs(weights))[:8]
for name, weight in zip(names[order], weights[order], strict=True):
    print(f"{name:<10}{weight:+.3f}")

frame = report.to_frame()
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3), constrained_layout=True)
_, psi, t = model.transformer_.wavelet_.wavefun(level=6)
left.plot(t, psi, color="#0072b2")
left.set(title="Learned wavelet", xlabel="t (samples)", ylabel=r"$\psi(t)$")
right.errorbar(
    frame["score"], frame.index, xerr=frame["standard error"], fmt="ok", capsize=3
)
right.set(title="Height of the largest burst", xlabel="R2 and standard error")
right.margins(y=0.2)
right.invert_yaxis()
plt.show()
