"""The models that are compared, with bounds that keep their memory and time sane on a small server.

Defaults that are not bounded are not to be trusted here: a random forest as it comes takes a gigabyte on
200,000 rows, and scores less than one of a hundred trees of depth 16.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.numerics.learning.columns import Feature
from services.numerics.learning.preparation import Prepared
from services.numerics.learning.problem import Task
from services.numerics.learning.question import CLASSIFIERS, REGRESSORS


@dataclass(frozen=True, kw_only=True)
class Making:
    """What a model is made with."""

    seed: int
    classes: int
    features: Sequence[Feature]
    balanced: bool  # classes weigh the same, where the model can
    rows: int = 0  # that it is fitted on
    settings: Mapping[str, Any] = field(default_factory=dict)  # instead of the catalogue's own, by scikit-learn's names

    @property
    def weights(self) -> str | None:
        return "balanced" if self.balanced else None

    @property
    def categories(self) -> list[int]:
        return [place for place, each in enumerate(self.features) if each.kind == "category"]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A kind of model: how it thinks, what it is given, and how much of it."""

    slug: str
    said: str  # how it thinks, in a sentence
    make: Callable[[Making], Any]
    prepared: Prepared
    most_rows: int | None = None  # that it is fitted on; of more, a sample
    takes_weights: bool = True
    balances: bool = False
    task: Task = "classification"

    @property
    def title(self) -> str:
        return (CLASSIFIERS if self.task == "classification" else REGRESSORS)[self.slug]


def estimator(model: Model, task: Task, making: Making) -> Any:
    """An estimator that was never fitted."""
    assert task == model.task
    made = model.make(making)
    return made.set_params(**making.settings) if making.settings else made


def catalogue(task: Task) -> tuple[Model, ...]:
    """Every model for a task, the cheap and strong ones first."""
    from dataclasses import replace

    made = _CLASSIFIERS if task == "classification" else _REGRESSORS
    made += (_CATBOOST,) if _CATBOOST.slug in CLASSIFIERS else ()
    return tuple(replace(model, task=task) for model in made)


# Classification ----------------------------------------------------------------------------------


def _baseline(_: Making) -> Any:
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")


def _logistic(making: Making) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=300, class_weight=making.weights, random_state=making.seed)


def _ridge(making: Making) -> Any:
    from sklearn.linear_model import RidgeClassifier

    return RidgeClassifier(class_weight=making.weights, random_state=making.seed)


def _sgd(making: Making) -> Any:
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(loss="log_loss", class_weight=making.weights, random_state=making.seed, max_iter=200)


def _perceptron(making: Making) -> Any:
    from sklearn.linear_model import Perceptron

    return Perceptron(class_weight=making.weights, random_state=making.seed, max_iter=200)


def _lda(_: Making) -> Any:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


def _bayes(_: Making) -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


def _knn(_: Making) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(n_neighbors=25, algorithm="brute", n_jobs=1)


def _linear_svm(making: Making) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(dual=False, class_weight=making.weights, random_state=making.seed, max_iter=2_000)


def _kernel_svm(making: Making) -> Any:
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import SGDClassifier
    from sklearn.pipeline import Pipeline

    linear = SGDClassifier(loss="log_loss", class_weight=making.weights, random_state=making.seed, max_iter=100)
    return Pipeline([("kernel", Nystroem(n_components=_KERNEL, random_state=making.seed)), ("model", linear)])


def _tree(making: Making) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(
        max_depth=12, min_samples_leaf=20, class_weight=making.weights, random_state=making.seed
    )


def _forest(making: Making) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(
        n_estimators=100, max_depth=16, min_samples_leaf=5, class_weight=making.weights, random_state=making.seed,
        n_jobs=1, max_samples=None,
    )  # fmt: skip


def _extra(making: Making) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(
        n_estimators=100, max_depth=16, min_samples_leaf=5, class_weight=making.weights, random_state=making.seed,
        n_jobs=1,
    )  # fmt: skip


def _bagging(making: Making) -> Any:
    from sklearn.ensemble import BaggingClassifier
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_depth=14, min_samples_leaf=10, class_weight=making.weights)
    return BaggingClassifier(tree, n_estimators=25, random_state=making.seed, n_jobs=1)


def _adaboost(making: Making) -> Any:
    from sklearn.ensemble import AdaBoostClassifier
    from sklearn.tree import DecisionTreeClassifier

    return AdaBoostClassifier(
        DecisionTreeClassifier(max_depth=2, class_weight=making.weights), n_estimators=50, random_state=making.seed
    )


def _hist(making: Making) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=_rounds(making), max_bins=63, class_weight=making.weights, random_state=making.seed,
        early_stopping=False, **_binned(making),
    )  # fmt: skip


def _lightgbm(making: Making) -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(
        n_estimators=_rounds(making), num_leaves=31, class_weight=making.weights, random_state=making.seed, n_jobs=1,
        verbose=-1, deterministic=True, force_row_wise=True,
    )  # fmt: skip


def _xgboost(making: Making) -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(
        n_estimators=_rounds(making), max_depth=6, learning_rate=0.1, tree_method="hist", max_bin=64, n_jobs=1,
        random_state=making.seed, verbosity=0,
    )  # fmt: skip


def _mlp(making: Making) -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(
        hidden_layer_sizes=(64,), early_stopping=making.classes < 20, max_iter=_epochs(making),
        random_state=making.seed,
    )  # fmt: skip


_KERNEL = 200
_MANY_CLASSES = 10


def _rounds(making: Making) -> int:
    """Boosting makes a tree for each class in each round."""
    return 200 if making.classes <= _MANY_CLASSES else 60


def _epochs(making: Making) -> int:
    """Times that a network sees every row: fewer of many rows."""
    return max(25, min(300, 1_500_000 // max(making.rows, 1)))


def _binned(making: Making) -> dict[str, Any]:
    """Categories of few enough levels are told to be such; codes of others are numbers."""
    few = [place for place in making.categories if len(making.features[place].levels) <= 60]
    return {"categorical_features": few or None}


_CLASSIFIERS = (
    Model(
        slug="baseline", make=_baseline, prepared="native",
        said="Always says the most frequent class: what every other must beat.",
    ),
    Model(
        slug="logistic", make=_logistic, prepared="scaled", balances=True,
        said="Adds up what each feature speaks for, and turns the sum into a probability.",
    ),
    Model(
        slug="lightgbm", make=_lightgbm, prepared="native", balances=True,
        said="Many small trees, each mending the errors of those before; grown leaf by leaf.",
    ),
    Model(
        slug="hist_gradient_boosting", make=_hist, prepared="native", balances=True,
        said="Many small trees, each mending the errors of those before; on values put into bins.",
    ),
    Model(
        slug="random_forest", make=_forest, prepared="codes", most_rows=50_000, balances=True,
        said="A hundred trees, each grown on other rows and features, that vote.",
    ),
    Model(
        slug="naive_bayes", make=_bayes, prepared="onehot",
        said="Takes every feature for itself, as a bell curve in each class.",
    ),
    Model(
        slug="lda", make=_lda, prepared="onehot", takes_weights=False,
        said="Takes every class for a cloud of one shape, and parts them by straight lines.",
    ),
    Model(slug="ridge", make=_ridge, prepared="scaled", balances=True, said="A straight line with small coefficients."),
    Model(
        slug="sgd", make=_sgd, prepared="scaled", balances=True,
        said="Logistic regression learnt in small steps, row by row.",
    ),
    Model(
        slug="perceptron", make=_perceptron, prepared="scaled", balances=True,
        said="The oldest of them: a line that is turned at every error.",
    ),
    Model(
        slug="linear_svm", make=_linear_svm, prepared="scaled", most_rows=40_000, balances=True,
        said="The straight line with the widest margin between classes.",
    ),
    Model(
        slug="decision_tree", make=_tree, prepared="codes", balances=True,
        said="One tree of yes and no questions, to be read.",
    ),
    Model(
        slug="extra_trees", make=_extra, prepared="codes", most_rows=50_000, balances=True,
        said="A forest whose questions are drawn by chance.",
    ),
    Model(
        slug="bagging", make=_bagging, prepared="codes", most_rows=50_000, balances=True,
        said="Trees grown on rows drawn again and again, that vote.",
    ),
    Model(
        slug="xgboost", make=_xgboost, prepared="native",
        said="Boosted trees with a penalty for large ones.",
    ),
    Model(
        slug="adaboost", make=_adaboost, prepared="codes", most_rows=40_000, balances=True,
        said="Small trees that look hardest at the rows which others got wrong.",
    ),
    Model(
        slug="mlp", make=_mlp, prepared="scaled", takes_weights=False,
        said="A network of 64 neurons between features and classes.",
    ),
    Model(
        slug="kernel_svm", make=_kernel_svm, prepared="scaled", most_rows=50_000, takes_weights=False, balances=True,
        said="A curved boundary, made straight by likeness to 200 rows (Nyström).",
    ),
    Model(
        slug="knn", make=_knn, prepared="scaled", most_rows=20_000, takes_weights=False,
        said="Asks the 25 rows that are most alike.",
    ),
)  # fmt: skip


def _catboost(making: Making) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    given = {"iterations": _rounds(making), "depth": 6, "learning_rate": 0.1, "random_seed": making.seed,
             "thread_count": 1, "verbose": False, "allow_writing_files": False}  # fmt: skip
    if not making.classes:
        return CatBoostRegressor(**given)
    return CatBoostClassifier(**given, auto_class_weights="Balanced" if making.balanced else None)


_CATBOOST = Model(
    slug="catboost", make=_catboost, prepared="native", balances=True,
    said="Boosted trees that ask one question on each level; it is here since it is installed.",
)  # fmt: skip


# Regression --------------------------------------------------------------------------------------


def _mean(_: Making) -> Any:
    from sklearn.dummy import DummyRegressor

    return DummyRegressor(strategy="mean")


def _median(_: Making) -> Any:
    from sklearn.dummy import DummyRegressor

    return DummyRegressor(strategy="median")


def _linear(name: str, **more: Any) -> Callable[[Making], Any]:
    """A linear model of scikit-learn."""

    def make(making: Making) -> Any:
        from sklearn import linear_model as linear

        seeded = {"random_state": making.seed} if name in {"Ridge", "Lasso", "ElasticNet"} else {}
        return getattr(linear, name)(**more, **seeded)

    return make


def _scaled_target(make: Callable[[Making], Any]) -> Callable[[Making], Any]:
    """The same for a target of any unit: it learns the target with mean 0 and deviation 1."""

    def made(making: Making) -> Any:
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.preprocessing import StandardScaler

        return TransformedTargetRegressor(make(making), transformer=StandardScaler(), check_inverse=False)

    return made


def _linear_svr(making: Making) -> Any:
    from sklearn.svm import LinearSVR

    return LinearSVR(
        loss="squared_epsilon_insensitive", dual=False, epsilon=0.05, random_state=making.seed, max_iter=2_000
    )


def _kernel_svr(making: Making) -> Any:
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import SGDRegressor
    from sklearn.pipeline import Pipeline

    linear = SGDRegressor(loss="epsilon_insensitive", epsilon=0.05, random_state=making.seed, max_iter=200)
    return Pipeline([("kernel", Nystroem(n_components=_KERNEL, random_state=making.seed)), ("model", linear)])


def _knn_regressor(_: Making) -> Any:
    from sklearn.neighbors import KNeighborsRegressor

    return KNeighborsRegressor(n_neighbors=15, algorithm="brute", n_jobs=1)


def _tree_regressor(making: Making) -> Any:
    from sklearn.tree import DecisionTreeRegressor

    return DecisionTreeRegressor(max_depth=12, min_samples_leaf=20, random_state=making.seed)


def _trees(name: str, **more: Any) -> Callable[[Making], Any]:
    def make(making: Making) -> Any:
        from sklearn import ensemble

        return getattr(ensemble, name)(random_state=making.seed, n_jobs=1, **more)

    return make


def _bagging_regressor(making: Making) -> Any:
    from sklearn.ensemble import BaggingRegressor
    from sklearn.tree import DecisionTreeRegressor

    tree = DecisionTreeRegressor(max_depth=14, min_samples_leaf=10)
    return BaggingRegressor(tree, n_estimators=25, random_state=making.seed, n_jobs=1)


def _adaboost_regressor(making: Making) -> Any:
    from sklearn.ensemble import AdaBoostRegressor
    from sklearn.tree import DecisionTreeRegressor

    return AdaBoostRegressor(DecisionTreeRegressor(max_depth=4), n_estimators=50, random_state=making.seed)


def _hist_regressor(making: Making) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        max_iter=200, max_bins=63, random_state=making.seed, early_stopping=False, **_binned(making)
    )


def _lightgbm_regressor(making: Making) -> Any:
    from lightgbm import LGBMRegressor

    return LGBMRegressor(
        n_estimators=200, num_leaves=31, random_state=making.seed, n_jobs=1, verbose=-1, deterministic=True,
        force_row_wise=True,
    )  # fmt: skip


def _xgboost_regressor(making: Making) -> Any:
    from xgboost import XGBRegressor

    return XGBRegressor(
        n_estimators=200, max_depth=6, learning_rate=0.1, tree_method="hist", max_bin=64, n_jobs=1,
        random_state=making.seed, verbosity=0,
    )  # fmt: skip


def _mlp_regressor(making: Making) -> Any:
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(
        hidden_layer_sizes=(64,), early_stopping=True, max_iter=_epochs(making), random_state=making.seed
    )


_FOREST = {"n_estimators": 100, "max_depth": 16, "min_samples_leaf": 5, "max_features": 0.5}
_REGRESSORS = (
    Model(slug="baseline_mean", make=_mean, prepared="native", said="Always says the mean: what others must beat."),
    Model(
        slug="baseline_median", make=_median, prepared="native",
        said="Always says the median: the best one value for errors that all weigh the same.",
    ),
    Model(
        slug="linear", make=_linear("LinearRegression"), prepared="scaled",
        said="Adds up what each feature is worth: a straight line.",
    ),
    Model(
        slug="lightgbm", make=_lightgbm_regressor, prepared="native",
        said="Many small trees, each mending the errors of those before; grown leaf by leaf.",
    ),
    Model(
        slug="hist_gradient_boosting", make=_hist_regressor, prepared="native",
        said="Many small trees, each mending the errors of those before; on values put into bins.",
    ),
    Model(
        slug="random_forest", make=_trees("RandomForestRegressor", **_FOREST), prepared="codes", most_rows=50_000,
        said="A hundred trees, each grown on other rows and features; their mean.",
    ),
    Model(slug="ridge", make=_linear("Ridge"), prepared="scaled", said="A straight line with small coefficients."),
    Model(
        slug="lasso", make=_scaled_target(_linear("Lasso", alpha=0.001)), prepared="scaled",
        said="A straight line that leaves weak features out.",
    ),
    Model(
        slug="elastic_net", make=_scaled_target(_linear("ElasticNet", alpha=0.001)), prepared="scaled",
        said="Between ridge and lasso.",
    ),
    Model(
        slug="bayesian_ridge", make=_linear("BayesianRidge"), prepared="scaled", most_rows=100_000,
        said="Ridge that finds out from the data how small its coefficients should be.",
    ),
    Model(
        slug="huber", make=_scaled_target(_linear("HuberRegressor", max_iter=200)), prepared="scaled",
        most_rows=100_000, said="A straight line that single far-off rows do not bend.",
    ),
    Model(
        slug="linear_svr", make=_scaled_target(_linear_svr), prepared="scaled", most_rows=40_000,
        said="A straight line that small errors do not bend.",
    ),
    Model(
        slug="decision_tree", make=_tree_regressor, prepared="codes",
        said="One tree of yes and no questions, to be read.",
    ),
    Model(
        slug="extra_trees", make=_trees("ExtraTreesRegressor", **_FOREST), prepared="codes", most_rows=50_000,
        said="A forest whose questions are drawn by chance.",
    ),
    Model(
        slug="bagging", make=_bagging_regressor, prepared="codes", most_rows=50_000,
        said="Trees grown on rows drawn again and again; their mean.",
    ),
    Model(
        slug="xgboost", make=_xgboost_regressor, prepared="native",
        said="Boosted trees with a penalty for large ones.",
    ),
    Model(
        slug="adaboost", make=_adaboost_regressor, prepared="codes", most_rows=40_000,
        said="Small trees that look hardest at the rows which others got wrong.",
    ),
    Model(
        slug="mlp", make=_scaled_target(_mlp_regressor), prepared="scaled", takes_weights=False,
        said="A network of 64 neurons between features and target.",
    ),
    Model(
        slug="kernel_svr", make=_scaled_target(_kernel_svr), prepared="scaled", most_rows=50_000, takes_weights=False,
        said="A curve, made straight by likeness to 200 rows (Nyström).",
    ),
    Model(
        slug="knn", make=_knn_regressor, prepared="scaled", most_rows=20_000, takes_weights=False,
        said="The mean of the 15 rows that are most alike.",
    ),
)  # fmt: skip
