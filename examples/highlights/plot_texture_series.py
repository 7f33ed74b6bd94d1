"""
Classify materials by lines of photographs
==========================================

Each series is a line of a photograph of bricks, grass or gravel. The position
of a structure on the line says nothing about the material. Its scale,
frequency and sharpness do. Wavelets are chosen to separate the three
materials, and twenty named features are kept.
"""

# %%
# The series
# ----------
# The photographs come with scikit-image. Lines of the upper halves are for
# training, and lines of the lower halves for testing. Light changes the mean
# and the contrast of a line, so both are removed.
import matplotlib.pyplot as plt
import numpy as np
from skimage import data
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_awave import AdaptiveSubbandPooling

photographs = {
    "brick": data.brick(),
    "grass": data.grass(),
    "gravel": data.gravel(),
}


def lines(first, last):
    """Return pieces of 128 samples of every eighth line, and their names."""
    X, y = [], []
    for name, photograph in photographs.items():
        pieces = photograph[first:last:8].reshape(-1, 128).astype(float)
        X.append(pieces)
        y += [name] * len(pieces)
    X = np.vstack(X)
    X -= X.mean(axis=1, keepdims=True)
    return X / X.std(axis=1, keepdims=True), np.array(y)


X_train, y_train = lines(0, 240)
X_test, y_test = lines(272, 512)
print(X_train.shape, X_test.shape)

figure, axes = plt.subplots(
    3, 1, figsize=(7, 3), sharex=True, layout="constrained"
)
for ax, name in zip(axes, photographs, strict=True):
    ax.plot(X_train[y_train == name][:2].T, linewidth=0.8)
    ax.set(ylabel=name, yticks=[])
axes[-1].set_xlabel("pixel")
plt.show()

# %%
# Comparison of features
# ----------------------
# A linear model cannot use the samples, since nothing has a fixed place. All
# features get the same ridge. Its strength is chosen on the training part.
# Here one wavelet of PyWavelets is enough, and so are twenty features.
ridge = RidgeClassifierCV(np.logspace(-3, 5, 17))
chosen = {"n_candidates": 40, "random_state": 0}
contenders = {
    "samples": "passthrough",
    "best fixed wavelet": AdaptiveSubbandPooling(
        1, n_candidates=0, min_gain=0
    ),
    "4 wavelets, chosen": AdaptiveSubbandPooling(4, **chosen),
    "4 wavelets, 20 features": AdaptiveSubbandPooling(
        4, n_features=20, **chosen
    ),
}
for name, features in contenders.items():
    model = make_pipeline(features, StandardScaler(), ridge)
    model.fit(X_train, y_train)
    accuracy, n_features = (
        model.score(X_test, y_test),
        model[-1].n_features_in_,
    )
    print(f"{name}: accuracy {accuracy:.3f}, {n_features} features")

# %%
# The twenty features
# -------------------
# A name gives the wavelet, the scale (cD1 is the finest) and the statistic.
# ``|cD1|`` is the envelope of a band. The figure shows the mean of each
# feature in each class, in units of its standard deviation.
Xt = model[:-1].transform(X_train)
names = model[0].get_feature_names_out()
means = np.array([Xt[y_train == name].mean(axis=0) for name in photographs])
order = np.argsort(means[0])
plt.figure(figsize=(7, 5), layout="constrained")
for name, values in zip(photographs, means, strict=True):
    plt.plot(values[order], np.arange(len(names)), "o", label=name)
plt.yticks(np.arange(len(names)), names[order], fontsize="small")
plt.axvline(0, color="0.8", zorder=0)
plt.xlabel("mean in a class")
plt.legend()
# sphinx_gallery_thumbnail_number = 2
plt.show()
