"""
Adapt a wavelet to images and tune it with the model
====================================================

A wavelet is learned from scikit-learn's handwritten digits. Its coefficients
are scaled, and an L1-regularised logistic regression classifies them.
GridSearchCV chooses the first wavelet and the strength of the regularisation
together. The same search is made for fixed wavelets and for raw pixels: the
learned wavelet has to beat the best of them, not only db5.
"""

# %%
# The pipeline
# ------------
# Each image is a row of 64 pixels. ``signal_shape`` gives the shape of the
# image. With pandas output every coefficient has a name, so you can read the
# model.
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sk_awave import AdaptiveWaveletTransformer, WaveletTransformer

X, y = load_digits(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
strengths = {"model__C": [0.1, 0.3]}


def search(wavelet_step, grid, cache):
    """Tune a pipeline that starts with `wavelet_step`."""
    pipeline = Pipeline(
        [
            ("wavelet", wavelet_step),
            ("scale", StandardScaler()),
            (
                "model",
                # The L1 penalty since scikit-learn 1.8.
                LogisticRegression(
                    l1_ratio=1,
                    solver="saga",
                    tol=0.01,
                    max_iter=300,
                    random_state=0,
                ),
            ),
        ],
        memory=cache,  # each wavelet is learned once, not once for each C
    ).set_output(transform="pandas")
    return GridSearchCV(pipeline, {**grid, **strengths}, cv=3, n_jobs=2)


image = {"ndim": 2, "signal_shape": (8, 8), "mode": "periodization"}
starts = ["db2", "sym4", "db5"]
contenders = {
    "raw pixels": ("passthrough", {}),
    "db5": (WaveletTransformer("db5", **image), {}),
    "best fixed wavelet": (
        WaveletTransformer(**image),
        {"wavelet__wavelet": ["haar", *starts]},
    ),
    "learned wavelet": (
        AdaptiveWaveletTransformer(**image, tol=1e-4),
        {"wavelet__wavelet": starts},
    ),
}

# %%
# A fair comparison
# -----------------
# All choices are made on the training half, by the same cross-validation.
results, rows = {}, []
with tempfile.TemporaryDirectory() as cache:
    for name, (step, grid) in contenders.items():
        results[name] = search(step, grid, cache).fit(X_train, y_train)
        accuracy = results[name].score(X_test, y_test)
        rows.append(
            {
                "features": name,
                "chosen": results[name].best_params_.get(
                    "wavelet__wavelet", "-"
                ),
                "C": results[name].best_params_["model__C"],
                "CV accuracy": results[name].best_score_,
                "accuracy": accuracy,
                "std. error": np.sqrt(accuracy * (1 - accuracy) / len(y_test)),
                "weights": np.count_nonzero(
                    results[name].best_estimator_["model"].coef_
                ),
            }
        )
table = pd.DataFrame(rows).set_index("features").rename_axis(None)
print(table.round(3).to_string())

# %%
# Here learning does not pay. The learned wavelet comes last, by about one
# standard error, and keeps more weights than the fixed ones.

# %%
# What was learned
# ----------------
# The filters are exactly orthonormal. The coefficients reconstruct the images.
wavelet = results["learned wavelet"].best_estimator_["wavelet"]
Xt = wavelet.transform(X_test)
error = np.abs(wavelet.inverse_transform(Xt) - X_test.to_numpy()).max()
before, after = wavelet.loss_curve_[0], wavelet.loss_curve_[-1]
print(f"\nL1 norm of the coefficients: {before:.2f} -> {after:.2f}")
print(f"largest reconstruction error on the test images: {error:.1e}")

# %%
# The model is a list of named coefficients.
model = results["learned wavelet"].best_estimator_["model"]
weights = pd.DataFrame(model.coef_.T, index=model.feature_names_in_)
print("\nthe heaviest coefficients for the digit 0:")
print(
    weights[0]
    .sort_values(key=np.abs, ascending=False)
    .head(5)
    .round(2)
    .to_string()
)

start = WaveletTransformer(wavelet.wavelet, **image).fit(X_train)
fig, (left, right) = plt.subplots(
    1, 2, figsize=(7, 3.5), constrained_layout=True
)
for fitted, label, style in [
    (start, f"start ({start.wavelet})", {"color": "0.7", "linewidth": 3}),
    (wavelet, "learned", {"color": "#0072b2"}),
]:
    _, psi, t = fitted.wavelet_.wavefun(level=6)
    left.plot(t, psi, label=label, **style)
left.set(title="Wavelet", xlabel="t (samples)", ylabel=r"$\psi(t)$")
left.legend(frameon=False, loc="lower right")
right.errorbar(
    table["accuracy"],
    table.index,
    xerr=table["std. error"],
    fmt="ok",
    capsize=3,
)
right.set(
    title="L1 logistic regression", xlabel="test accuracy and standard error"
)
right.margins(y=0.2)
right.invert_yaxis()
plt.show()
