"""What models are judged by: names, and which way is better; loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A figure that a model is judged by, and what it says in plain words."""

    slug: str
    title: str
    said: str
    higher: bool = True


CLASSIFICATION = (
    Metric(
        slug="balanced_accuracy", title="Balanced accuracy",
        said="The share of each class that is found, averaged: rare classes count as much as common ones.",
    ),
    Metric(slug="accuracy", title="Accuracy", said="The share of rows whose class is right."),
    Metric(slug="f1_macro", title="F1, macro", said="Precision and recall in one, averaged over classes."),
    Metric(slug="f1_weighted", title="F1, weighted", said="The same, each class by its rows."),
    Metric(slug="precision", title="Precision", said="Of those said to be of a class, how many are; over classes."),
    Metric(slug="recall", title="Recall", said="Of a class, how many are found; over classes."),
    Metric(slug="roc_auc", title="ROC AUC", said="How often a row of a class is ranked above one of another."),
    Metric(slug="average_precision", title="Average precision", said="Precision over all thresholds; over classes."),
    Metric(slug="log_loss", title="Log loss", said="How surprised the probabilities are by the truth.", higher=False),
    Metric(slug="brier", title="Brier score", said="The squared error of the probabilities.", higher=False),
    Metric(slug="mcc", title="MCC", said="Correlation of what is said with what is: 0 is guessing, 1 is perfect."),
)  # fmt: skip
REGRESSION = (
    Metric(
        slug="rmse", title="RMSE", higher=False,
        said="The typical error in the target's unit; large errors weigh more.",
    ),
    Metric(slug="mae", title="MAE", said="The mean error, in the target's unit.", higher=False),
    Metric(slug="median_ae", title="Median error", said="Half of the errors are smaller.", higher=False),
    Metric(slug="r2", title="R²", said="The share of the variance that is explained."),
    Metric(slug="mape", title="MAPE, %", said="The mean error in per cent of the value.", higher=False),
    Metric(slug="rmsle", title="RMSLE", said="The typical error of the logarithms: of ratios.", higher=False),
)  # fmt: skip
BY_TASK = {"classification": CLASSIFICATION, "regression": REGRESSION}
HIGHER = {metric.slug: metric.higher for metrics in BY_TASK.values() for metric in metrics}
METRIC = {metric.slug: metric for metrics in BY_TASK.values() for metric in metrics}
