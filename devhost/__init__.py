"""A local Azure Functions host: Microsoft's Python worker library and a durable task hub.

Owns serving one unmodified `function_app.py` on loopback with the URLs of the Functions host, and
keeping what it accepted across the death of the process. Refuses to know what the functions do.
"""
