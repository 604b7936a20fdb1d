"""The blueprints that start runs: events, HTTP, the sweep. A trigger answers in under a second."""
