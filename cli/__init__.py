"""The command line: the same core as the app's, started by a person or a pipeline."""
