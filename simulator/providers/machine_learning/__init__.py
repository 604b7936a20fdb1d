"""Owns the kinds of Microsoft.MachineLearningServices that the simulated Azure knows."""

from simulator.kind import Kind
from simulator.providers.machine_learning import computes, inference, jobs, workspaces

KINDS: tuple[Kind, ...] = (*workspaces.KINDS, *computes.KINDS, *inference.KINDS, *jobs.KINDS)
