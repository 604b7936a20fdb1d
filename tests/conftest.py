"""What holds for every test and every run: the two plugins that own it."""

pytest_plugins = ("tests.leaks", "tests.report")
