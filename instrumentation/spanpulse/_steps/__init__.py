"""An application's own steps as spans: retrievals, tools, agents, workflows, and whatever else it wants to see."""

from spanpulse._steps._observe import observe
from spanpulse._steps._step import Step, span

__all__ = ["Step", "observe", "span"]
