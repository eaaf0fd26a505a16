"""The nouns of searchitect: protocols and frozen values, no algorithm, no torch. Read in a quarter of an hour.

Start with `choosing` (the choice language) and `space`; then `trial`, `strategy`, `estimator`.
"""

from searchitect.core.architecture import Architecture, canonical_json, hash_text
from searchitect.core.budget import Budget, parse_budget
from searchitect.core.choosing import (
    Between,
    Chooser,
    Domain,
    NumberDomain,
    OneDomain,
    OneOf,
    OpenNode,
    Repeat,
    SomeDomain,
    SomeOf,
)
from searchitect.core.errors import (
    ConstraintError,
    DataError,
    MissingPackageError,
    RunError,
    SearchitectError,
    SettingError,
    SpaceError,
    missing_package,
    unknown_name,
)
from searchitect.core.estimator import Estimator, Job, Measurement
from searchitect.core.objective import (
    COSTS,
    METRICS,
    QUALITIES,
    Constraint,
    Objective,
    objective_values,
    parse_constraint,
    parse_objectives,
)
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.task import TaskInfo
from searchitect.core.trial import Fidelity, Proposal, Trial, TrialState

__all__ = [
    "COSTS",
    "METRICS",
    "QUALITIES",
    "Architecture",
    "Between",
    "Budget",
    "Chooser",
    "Constraint",
    "ConstraintError",
    "DataError",
    "Domain",
    "Estimator",
    "Fidelity",
    "Job",
    "Measurement",
    "MissingPackageError",
    "NumberDomain",
    "Objective",
    "OneDomain",
    "OneOf",
    "OpenNode",
    "Proposal",
    "Repeat",
    "RunError",
    "SearchitectError",
    "SettingError",
    "SomeDomain",
    "SomeOf",
    "Space",
    "SpaceError",
    "Strategy",
    "TaskInfo",
    "Trial",
    "TrialState",
    "canonical_json",
    "hash_text",
    "missing_package",
    "objective_values",
    "parse_budget",
    "parse_constraint",
    "parse_objectives",
    "unknown_name",
]
