"""The durable task hub: durabletask's in-memory backend with its state in SQLite.

Owns orchestrations, entities, timers and the work that follows from them, so that a SIGKILL at any
moment loses nothing that was acknowledged. Delivery is at least once. Leans on private names of
`durabletask.testing` 1.12.0: a test pins them.
"""
