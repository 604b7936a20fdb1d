"""A timer whose schedule is none."""

import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(schedule="now and then", arg_name="timer")
def sweep(timer: func.TimerRequest) -> None:
    """Never called."""
