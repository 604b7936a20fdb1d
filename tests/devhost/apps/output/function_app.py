"""An output binding that this host does not serve."""

import azure.functions as func

app = func.FunctionApp()


@app.route(route="x")
@app.queue_output(arg_name="out", queue_name="q", connection="STORE")
def sends(req: func.HttpRequest, out: func.Out[str]) -> str:
    """Never called."""
    out.set("x")
    return str(req.method)
