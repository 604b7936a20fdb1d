"""The composition root of the Functions app: registers blueprints, nothing else.

Indexing this file imports no Azure SDK beyond functions and durable; the rest is loaded by the
activity that first needs it.
"""

import os
from functools import cache

import azure.durable_functions as df
import azure.functions as func

from remediators import REMEDIATORS
from shared.composition import compose
from shared.triggers.events import events_blueprint
from shared.triggers.http import http_blueprint
from shared.triggers.intake import Intake
from shared.triggers.runs import runs_blueprint
from shared.triggers.sweep import sweep_blueprint
from shared.workflow.blueprint import workflow_blueprint
from shared.workflow.services import Services


@cache
def services() -> Services:
    """Built when the first function runs, not when the app is indexed."""
    return compose(os.environ, REMEDIATORS)


@cache
def intake() -> Intake:
    """The way in for events, with its index."""
    return Intake(services())


app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
app.register_functions(workflow_blueprint(services))
app.register_functions(events_blueprint(intake, os.environ))
app.register_functions(http_blueprint(services, os.environ))
app.register_functions(runs_blueprint(services, os.environ))
app.register_functions(sweep_blueprint(intake, os.environ))
