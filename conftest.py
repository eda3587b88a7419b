pytest_plugins = ["tests.plugins.surroundings"]
