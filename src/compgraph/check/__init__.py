"""Groups against labels and chance, and components against known tasks."""

from compgraph.check.agreement import Agreement, agreement
from compgraph.check.tasks import TaskProfile, task_profile

__all__ = ["Agreement", "TaskProfile", "agreement", "task_profile"]
