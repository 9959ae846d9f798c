"""Learning from examples: a target, features, models that are compared on rows they have not seen."""
