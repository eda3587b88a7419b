"""The papers that agencies issue: what orders them, what they say, how they are set, where they lie."""
