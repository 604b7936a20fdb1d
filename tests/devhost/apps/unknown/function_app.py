"""A trigger that this host does not serve."""

import azure.functions as func

app = func.FunctionApp()


@app.blob_trigger(arg_name="blob", path="in/{name}", connection="STORE")
def on_blob(blob: func.InputStream) -> None:
    """Never called."""
