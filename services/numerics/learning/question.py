"""What classification and regression both ask; loads nothing heavy, since the web process draws the form of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated

from services.params import Choice, Column, Number

CLASSIFIERS = {
    "baseline": "Baseline: the most frequent class",
    "logistic": "Logistic regression",
    "lightgbm": "LightGBM",
    "hist_gradient_boosting": "Histogram gradient boosting",
    "random_forest": "Random forest",
    "naive_bayes": "Gaussian naive Bayes",
    "lda": "Linear discriminant analysis",
    "ridge": "Ridge classifier",
    "sgd": "Stochastic gradient descent",
    "perceptron": "Perceptron",
    "linear_svm": "Linear SVM",
    "decision_tree": "Decision tree",
    "extra_trees": "Extra trees",
    "bagging": "Bagging",
    "xgboost": "XGBoost",
    "adaboost": "AdaBoost",
    "mlp": "Neural network",
    "kernel_svm": "Kernel SVM (Nyström)",
    "knn": "k-nearest neighbours",
}
REGRESSORS = {
    "baseline_mean": "Baseline: the mean",
    "baseline_median": "Baseline: the median",
    "linear": "Linear regression",
    "lightgbm": "LightGBM",
    "hist_gradient_boosting": "Histogram gradient boosting",
    "random_forest": "Random forest",
    "ridge": "Ridge",
    "lasso": "Lasso",
    "elastic_net": "Elastic net",
    "bayesian_ridge": "Bayesian ridge",
    "huber": "Huber",
    "linear_svr": "Linear SVR",
    "decision_tree": "Decision tree",
    "extra_trees": "Extra trees",
    "bagging": "Bagging",
    "xgboost": "XGBoost",
    "adaboost": "AdaBoost",
    "mlp": "Neural network",
    "kernel_svr": "Kernel SVR (Nyström)",
    "knn": "k-nearest neighbours",
}
if find_spec("catboost") is not None:  # 100 MB that nobody is made to install
    CLASSIFIERS["catboost"] = REGRESSORS["catboost"] = "CatBoost"
JOINED = {"voting": "Vote of the best three", "stacking": "Stack of the best three"}
ALL, QUICK = "all", "quick"
SOME = {ALL: "All of them", QUICK: "Quick five"}
SCHEMES = {
    "kfold": "Folds: every row is held out once",
    "holdout": "One test set: a third of the rows, held out once",
    "grouped": "Folds that keep groups together",
    "forward": "Forward in time: trained on earlier rows, tested on later ones",
}
_MODELS = "Each is trained from nothing, one at a time; what is kept are its scores."


@dataclass(frozen=True, kw_only=True)
class LearningParams:
    """What is predicted, from what, by which models, and how they are tested."""

    features: Annotated[
        tuple[str, ...],
        Column("Predict it from", many=True, help="None chosen: every column that can help; the others are named."),
    ] = ()
    weight: Annotated[
        str | None, Column("Weight", kind="number", help="How much a row counts. Models that cannot use it say so.")
    ] = None
    group: Annotated[
        str | None,
        Column(
            "Group", kind="key", help="Rows of one group are never on both sides of a split.",
            when={"scheme": ("grouped",)},
        ),
    ] = None  # fmt: skip
    time: Annotated[str | None, Column("Time", kind="date", help="What is earlier.", when={"scheme": ("forward",)})] = (
        None
    )
    scheme: Annotated[str, Choice("Tested by", SCHEMES)] = "kfold"
    folds: Annotated[
        int, Number("Folds", 2, 10, help="More cost more time.", when={"scheme": ("kfold", "grouped", "forward")})
    ] = 3
    repeats: Annotated[
        int, Number("Rounds", 1, 10, help="Several rounds tell close models apart.", when={"scheme": ("kfold",)})
    ] = 1
    seconds: Annotated[
        int, Number("Seconds a model may take", 5, 7_200, help="One that takes longer is stopped alone.")
    ] = 300
    sample_rows: Annotated[
        int | None, Number("Rows", 50, 10_000_000, help="Empty: all of them. A sample is drawn with the seed.")
    ] = None
    seed: Annotated[int, Number("Seed", 0, 2**31 - 1, help="The same seed, the same splits and models.")] = 0


def chosen(models: tuple[str, ...], every: Mapping[str, str], quick: tuple[str, ...]) -> tuple[str, ...]:
    """The slugs that were asked for, in the order in which models run."""
    wanted = set(models) - set(SOME)
    if ALL in models or not models:
        wanted |= {*every, *JOINED}
    if QUICK in models:
        wanted |= set(quick)
    wanted |= {slug for slug in every if slug.startswith("baseline")}
    return tuple(slug for slug in (*every, *JOINED) if slug in wanted)
