"""The embedded default: a private environment breaks in the ways that matter and comes back.

Simulator, embedded host and the real ``function_app.py`` run as processes of their own; what is
shown comes from the app's HTTP routes and records, what is judged from the simulated Azure itself.
"""
