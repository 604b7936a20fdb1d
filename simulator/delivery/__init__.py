"""Owns Event Grid's delivery: what a subscription wants, where it goes, when it is tried again, where it dies.

`grid` is the engine, with a thread a subscription; the rest is values and pure functions, but for `destinations` and
`storage`, which speak HTTP.
"""
